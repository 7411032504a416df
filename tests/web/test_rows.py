"""The rows that the API promises, word by word: path, parameters, role, the keys of an answer, and what is refused, by name."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from jsonschema import Draft202012Validator

from agent.app import Agent
from agent.web.server import create_app
from tests.web.test_contract import CONFIG, CSV, HOOK, LATER, ONE, PROMO, TOKENS, agent, client, operations

__all__ = ["agent", "client", "operations"]
SOON = (datetime.now(UTC) + timedelta(days=3)).isoformat()
PAGE = ("before", "limit")


@dataclass(frozen=True)
class Refused:
    """A wrong request: what is sent instead, and the status, code and field of the answer."""

    status: int
    code: str
    field: str | None = None
    path: str | None = None
    more: dict[str, Any] | None = None


@dataclass(frozen=True)
class Row:
    """One method of one path of the contract.

    `query` and `body` are what it takes, `keys` what its answer has, `inside` what an entry of the list named first has. `path` and
    `more` make a right request; None: what it answers is asserted elsewhere.
    """

    method: str
    template: str
    role: str
    keys: tuple[str, ...]
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    path: str | None = None
    more: dict[str, Any] | None = None
    refused: tuple[Refused, ...] = ()


def _json(**body: Any) -> dict[str, Any]:
    return {"json": body}


def _missing(path: str, **more: Any) -> Refused:
    return Refused(404, "not_found", None, path, more or None)


def _wrong(field: str | None, **body: Any) -> Refused:
    return Refused(400, "invalid", field, None, {"json": body})


ABSENT = "tidak-ada"
NUMBERS = ("messages", "replies", "first_reply_p50", "first_reply_p95", "handovers", "handover_reasons", "unanswered", "actions",
           "failures", "tokens", "cost")  # fmt: skip
BROADCAST = ("name", "state", "counts")

ROWS = [
    Row("POST", "/agent/test", "viewer",
        ("reply", "attachments", "steps", "passages", "actions", "usage", "cost", "seconds"),
        body=("text", "audio_url", "image_url", "contact", "history", "live"), more=_json(text="jam buka?"),
        refused=(_wrong(None), _wrong("text", text=1), _wrong("text", text=""), _wrong("audio_url", audio_url="file:///etc/passwd"),
                 _wrong("image_url", image_url="javascript:alert(1)"), _wrong("contact", text="x", contact=""),
                 _wrong("nope", text="x", nope=1),
                 _wrong("history", text="x", history="y"), _wrong("live", text="x", live="maybe"))),
    Row("GET", "/agent/config", "viewer", ("yaml", "config", "restart")),
    Row("PUT", "/agent/config", "admin", ("yaml", "config", "saved", "restart"), query=("save",), path="/agent/config?check=true",
        body=("yaml",), more={"json": {"yaml": CONFIG.replace("SANDBOX", "http://127.0.0.1:9")}},
        refused=(Refused(422, "invalid", None, None, {"json": {"yaml": "name: [\n"}}),
                 Refused(422, "invalid", None, None, {"json": {"yaml": ""}}),
                 Refused(422, "invalid", None, None, {"content": b"nonsense: 1", "headers": {"Content-Type": "application/yaml"}}),
                 _wrong("yaml", yaml=1), _wrong("yaml", other=1), Refused(400, "invalid", "save", "/agent/config?save=perhaps"),
                 Refused(400, "invalid", None, None, {"content": b"\xff\xfe", "headers": {"Content-Type": "application/yaml"}}),
                 Refused(415, "unsupported_media_type", None, None, {"content": b"a,b", "headers": {"Content-Type": "text/csv"}}))),
    Row("POST", "/knowledge/sources", "operator", ("id", "syncing"), body=("path", "url", "sitemap", "crawl", "expires", "volatile"),
        more=_json(path="docs/lain.txt"),
        refused=(_wrong(None), _wrong("path", path="../../etc/passwd"), _wrong("url", url="ftp://x"), _wrong("nope", path="a.md", nope=1),
                 Refused(409, "conflict", None, None, _json(path="docs/*.md")))),
    Row("GET", "/knowledge/sources", "viewer", ("sources", "next"), query=PAGE, inside=("id", "documents", "passages", "verified_at")),
    Row("DELETE", "/knowledge/sources", "operator", ("id",), query=("id",), path="/knowledge/sources?id=docs/lain.txt",
        refused=(Refused(404, "not_found", None, f"/knowledge/sources?id={ABSENT}"), Refused(400, "invalid", "id", "/knowledge/sources"))),
    Row("POST", "/knowledge/files", "operator", ("id", "syncing"), body=("file",),
        more={"files": {"file": ("menu.md", b"# Menu\n", "text/markdown")}},
        refused=(Refused(415, "unsupported_media_type", None, None, {"json": {}}),
                 Refused(400, "invalid", "file", None, {"files": {"other": ("x", b"x")}}),
                 Refused(400, "invalid", "file", None, {"files": {"file": ("x.exe", b"MZ", "application/x-msdownload")}}))),
    Row("GET", "/knowledge/status", "viewer", ("syncing", "progress", "passages")),
    Row("GET", "/knowledge/search", "viewer", ("hits", "next"), query=("q", *PAGE), path="/knowledge/search?q=jam buka",
        inside=("id", "source", "title", "text", "score"),
        refused=(Refused(400, "invalid", "q", "/knowledge/search"), Refused(400, "invalid", "q", f"/knowledge/search?q={'x' * 5000}"))),
    Row("POST", "/knowledge/sync", "operator", ("sources", "seconds"), more=_json()),
    Row("GET", "/knowledge/gaps", "viewer", ("gaps", "next"), query=PAGE, inside=("id", "question", "times")),
    Row("POST", "/knowledge/gaps/{id}", "operator", ("id", "state"), body=("answer", "drop"), path="/knowledge/gaps/1",
        more=_json(drop=True),
        refused=(_wrong(None), _wrong(None, answer="x", drop=True), _wrong("answer", answer=" "), _wrong("answer", answer="x" * 10_001),
                 _missing("/knowledge/gaps/987", json={"drop": True}))),
    Row("GET", "/actions", "viewer", ("actions", "next"), query=PAGE, inside=("name", "description", "parameters", "effect")),
    Row("POST", "/actions/{name}/test", "viewer", ("status", "content", "seconds"), body=("arguments", "live"), path="/actions/stock/test",
        more=_json(arguments={"item": "kopi"}),
        refused=(_wrong("item", arguments={}), _wrong("item", arguments={"item": ["x"]}),
                 _wrong("nope", arguments={"item": "x", "nope": 1}),
                 _wrong("arguments", arguments=[]), _missing(f"/actions/{ABSENT}/test", json={"arguments": {}}))),
    Row("POST", "/broadcasts", "operator", ("name", "to_send", "skipped", "left_out", "dry_run", "recorded"), query=("dry_run",),
        body=("name", "audience", "text", "template", "at"), path="/broadcasts?dry_run=true",
        more={"data": PROMO, "files": {"file": ("p.csv", CSV, "text/csv")}},
        refused=(_wrong("audience", **PROMO), _wrong("name", text="x", audience={"filter": {}}),
                 _wrong("audience.nope", **PROMO, audience={"nope": 1}),
                 Refused(415, "unsupported_media_type", None, None, {"content": b"x", "headers": {"Content-Type": "text/csv"}}),
                 Refused(400, "invalid", "dry_run", "/broadcasts?dry_run=perhaps", _json(**PROMO)))),
    Row("GET", "/broadcasts", "viewer", ("broadcasts", "next"), query=PAGE, inside=BROADCAST),
    Row("GET", "/broadcasts/{name}", "viewer", BROADCAST, path="/broadcasts/besok", refused=(_missing(f"/broadcasts/{ABSENT}"),)),
    *(Row("POST", f"/broadcasts/{{name}}/{verb}", "operator", BROADCAST, path=f"/broadcasts/besok/{verb}",
          refused=(_missing(f"/broadcasts/{ABSENT}/{verb}"), Refused(409, "conflict")))
      for verb in ("pause", "resume", "cancel")),
    Row("GET", "/workflows", "viewer", ("workflows", "next"), query=PAGE, inside=("name", "on", "once", "steps", "runs")),
    Row("GET", "/workflows/{name}/runs", "viewer", ("runs", "next"), query=(*PAGE, "state"), path="/workflows/welcome/runs",
        inside=("id", "workflow", "state", "step"),
        refused=(_missing(f"/workflows/{ABSENT}/runs"), Refused(400, "invalid", "state", "/workflows/welcome/runs?state=nope"))),
    Row("POST", "/workflows/{name}/run", "operator", ("event", "run"), body=("contact",), path="/workflows/welcome/run",
        more=_json(contact=ONE),
        refused=(_missing(f"/workflows/{ABSENT}/run", json={"contact": ONE}), Refused(404, "not_found", None, None, _json(contact=ABSENT)),
                 _wrong("contact", contact=1))),
    Row("GET", "/followups", "viewer", ("followups", "next"), query=PAGE, path=f"/followups?contact={ONE}&state=scheduled,sent,cancelled",
        inside=("id", "contact", "due_at", "text", "state")),
    Row("POST", "/followups", "operator", ("id", "contact", "due_at", "text"), body=("contact", "when", "text"),
        more=_json(contact=ONE, when=LATER, text="Ingat"),
        refused=(_wrong("when", contact=ONE, when="nanti", text="x"), _wrong("when", contact=ONE, when="2001-01-01T00:00:00Z", text="x"),
                 _wrong("text", contact=ONE, when=SOON, text=" "), _wrong("contact", when=SOON, text="x"),
                 Refused(404, "not_found", None, None, _json(contact=ABSENT, when=SOON, text="x")))),
    Row("DELETE", "/followups", "operator", ("id", "state"), query=("id",), path="/followups?id=f0",
        refused=(Refused(404, "not_found", None, f"/followups?id={ABSENT}"), Refused(400, "invalid", "id", "/followups"))),
    Row("DELETE", "/followups/{id}", "operator", ("id", "state"), path="/followups/f3", refused=(_missing(f"/followups/{ABSENT}"),)),
    Row("GET", "/payments", "viewer", ("payments", "next"), query=PAGE, inside=("id", "amount", "state", "contact")),
    Row("POST", "/payments/{id}/paid", "operator", ("payment", "changed"), path="/payments/p0/paid",
        refused=(_missing(f"/payments/{ABSENT}/paid"), _wrong("amount", amount="many"), _wrong("amount", amount=-1))),
    Row("GET", "/dead", "viewer", ("dead", "next"), query=PAGE, inside=("id", "kind")),
    Row("POST", "/dead/{id}/retry", "operator", ("id", "contact"), path="/dead/t0/retry", refused=(_missing(f"/dead/{ABSENT}/retry"),)),
    Row("GET", "/contacts", "viewer", ("contacts", "next"), query=("q", *PAGE), inside=("contact", "last_inbound_at")),
    Row("GET", "/contacts/{contact}", "viewer", ("contact", "facts"), path=f"/contacts/{ONE}", refused=(_missing(f"/contacts/{ABSENT}"),)),
    Row("PUT", "/contacts/{contact}", "operator", ("contact", "facts"),
        body=("tags", "custom_fields", "first_name"), path=f"/contacts/{ONE}",
        more=_json(tags=["vip"], first_name="Sari"),
        refused=(_wrong("tags", tags="vip"), _wrong("tags.0", tags=[1]), _wrong("custom_fields", custom_fields=[]), _wrong("nope", nope=1),
                 _wrong("email", email="x"), _wrong("phone", phone="12"), _missing(f"/contacts/{ABSENT}", json={"tags": []}))),
    Row("DELETE", "/contacts/{contact}", "admin", ("contact", "erased"), path="/contacts/c9", refused=(_missing(f"/contacts/{ABSENT}"),)),
    Row("GET", "/stats", "viewer", ("stats", "next"), query=("from", "to", "by", *PAGE),
        path="/stats?from=2026-11-01&to=2026-11-02&by=hour",
        inside=NUMBERS,
        refused=(Refused(400, "invalid", "by", "/stats?by=week"), Refused(400, "invalid", "from", "/stats?from=x"),
                 Refused(400, "invalid", "to", "/stats?to=31-12-2026"),
                 Refused(400, "invalid", "from", "/stats?from=2026-02-02&to=2026-02-01"),
                 Refused(400, "invalid", "from", "/stats?from=1900-01-01&by=hour"))),
    Row("GET", "/conversations", "viewer", ("conversations", "next"), query=(*PAGE, "only", "q"),
        inside=("contact", "last", "waiting", "outcome"), refused=(Refused(400, "invalid", "only", "/conversations?only=x"),)),
    Row("GET", "/conversations/{contact}", "viewer", ("summary", "messages", "turns", "next"), query=PAGE, path=f"/conversations/{ONE}",
        refused=(_missing(f"/conversations/{ABSENT}"),)),
    Row("POST", "/conversations/{contact}/pause", "operator", ("contact", "paused"), path=f"/conversations/{ONE}/pause", more=_json(),
        refused=(_missing(f"/conversations/{ABSENT}/pause", json={}), _wrong("for", **{"for": "lama"}))),
    Row("POST", "/conversations/{contact}/reply", "operator", ("deliveries", "paused"), body=("text",), path=f"/conversations/{ONE}/reply",
        more=_json(text="Saya bantu"), refused=(_missing(f"/conversations/{ABSENT}/reply", json={"text": "x"}),
                 _wrong("text", text=" "), _wrong("text"))),
    Row("POST", "/conversations/{contact}/resume", "operator", ("contact", "paused"), path=f"/conversations/{ONE}/resume",
        refused=(_missing(f"/conversations/{ABSENT}/resume"),)),
    Row("GET", "/turns/{id}", "viewer", ("turn", "steps", "deliveries"), path="/turns/t7", refused=(_missing(f"/turns/{ABSENT}"),)),
    Row("POST", "/hooks/{workflow}", "viewer", ("accepted", "duplicate", "run"), path="/hooks/shop",
        more={"json": {"event_id": "9", "phone": "+628111000007"}, "headers": {"Authorization": f"Bearer {HOOK}"}},
        refused=(Refused(404, "not_found", None, f"/hooks/{ABSENT}", {"headers": {"Authorization": f"Bearer {HOOK}"}, "json": {}}),
                 Refused(401, "unauthorized", None, None, {"headers": {"Authorization": "Bearer wrong-token"}, "json": {}}),
                 Refused(401, "unauthorized", None, None, {"headers": {"Authorization": ""}, "json": {}}))),
]  # fmt: skip
LADDER = ("viewer", "operator", "admin")


async def _ask(
    client: httpx.AsyncClient, row: Row, path: str | None, more: dict[str, Any] | None, role: str
) -> httpx.Response:
    given = dict(more or {})
    headers = {"Authorization": f"Bearer {TOKENS[role]}", **given.pop("headers", {})}
    return await client.request(row.method, path or row.path or row.template, headers=headers, **given)


def _operation(operations: dict[str, dict[str, Any]], row: Row) -> dict[str, Any]:
    (found,) = [each for each in operations.values() if (each["method"], each["path"]) == (row.method, row.template)]
    return found


def _properties(schema: dict[str, Any], components: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _properties(components["schemas"][schema["$ref"].rpartition("/")[2]], components)
    return {
        *schema.get("properties", {}),
        *(key for each in schema.get("anyOf", ()) for key in _properties(each, components)),
    }


async def test_the_document_has_each_row(operations: dict[str, dict[str, Any]]) -> None:
    for row in ROWS:
        named = f"{row.method} {row.template}"
        operation = _operation(operations, row)
        queries = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        assert queries >= set(row.query), named
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        body = {key for each in bodies for key in _properties(each["schema"], operation["components"])}
        assert body >= set(row.body), named
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert _properties(answer, operation["components"]) >= set(row.keys), named
        assert set(operation["responses"]) >= {str(each.status) for each in row.refused}, named


async def test_each_row_answers_with_its_keys_and_each_wrong_request_by_name(
    agent: Agent, client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    error = {"$ref": "#/components/schemas/Error", "components": next(iter(operations.values()))["components"]}
    strict = json.loads(json.dumps(error))
    for name in ("Error", "ErrorDetail"):
        strict["components"]["schemas"][name]["additionalProperties"] = False
    different: list[Any] = []
    for row in ROWS:
        named = f"{row.method} {row.template}"
        for below in LADDER[: LADDER.index(row.role)]:
            refused = await _ask(client, row, None, row.more, below)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden"), named
        answer = await _ask(client, row, None, row.more, row.role)
        assert answer.status_code == 200, (named, answer.text)
        content = answer.json()
        assert set(content) >= set(row.keys), named
        if row.inside:
            entries = content[row.keys[0]]
            assert entries, f"{named}: nothing to look at"
            assert all(set(entry) >= set(row.inside) for entry in entries), (named, entries[0])
        for wrong in row.refused:
            refused = await _ask(client, row, wrong.path, wrong.more, "admin")
            told = refused.json()
            detail = told.get("error", {})
            found = (refused.status_code, detail.get("code"), detail.get("field") if wrong.field else None)
            if found != (wrong.status, wrong.code, wrong.field) or any(Draft202012Validator(strict).iter_errors(told)):
                different.append((named, wrong, refused.status_code, told))
            if wrong.status == 422:
                assert all(set(each) == {"line", "column", "message"} for each in told["error"]["problems"]), told
    assert different == []


async def test_every_list_comes_in_pages_that_make_up_the_whole(client: httpx.AsyncClient) -> None:
    for row in ROWS:
        if not set(PAGE) <= set(row.query):
            continue
        url, name = httpx.URL(row.path or row.template), row.keys[0] if row.keys[0] != "summary" else "messages"
        whole: list[Any] = []
        before: dict[str, Any] = {}
        for _ in range(400):
            page = (await _ask(client, row, str(url.copy_merge_params({"limit": 2, **before})), None, "viewer")).json()
            assert len(page[name]) <= 2
            whole += page[name]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert page["next"] is None, row.template
        rows = [json.dumps(each, sort_keys=True) for each in whole]
        assert len(set(rows)) == len(rows), row.template
        most = 50 if row.template == "/knowledge/search" else 200
        once = (await _ask(client, row, str(url.copy_merge_params({"limit": most})), None, "viewer")).json()
        assert len(whole) == len(once[name]), row.template
        for limit in ("0", "-1", "1000000", "x", "1.5"):
            wrong = await _ask(client, row, str(url.copy_merge_params({"limit": limit})), None, "viewer")
            assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "limit"), (row.template, limit)


def test_events_go_out_as_agent_yaml_says() -> None:
    from agent.config.workflows import WebhookSettings

    assert set(WebhookSettings.model_fields) >= {"url", "events", "secret"}


async def test_a_wrong_method_is_told_all_that_the_path_has(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    for path in ("/contacts", "/conversations", "/agent/config", "/followups", "/conversations/x/pause"):
        answer = await client.request("PATCH", path, headers={"Authorization": f"Bearer {TOKENS['admin']}"})
        assert answer.status_code == 405, path
        assert answer.json()["error"]["code"] == "method_not_allowed"
        named = {each["method"] for each in operations.values() if each["path"] == path.replace("/x/", "/{contact}/")}
        assert set(answer.headers["Allow"].split(", ")) == named > set()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_only_a_post_logs_in(client: httpx.AsyncClient, method: str) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
    answer = await client.request(method, "/session", json={"token": TOKENS["admin"]}, headers=headers)
    assert answer.status_code == 405
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("token", "status"), [(None, 401), (TOKENS["admin"], 404)])
async def test_whatever_lies_below_the_api_is_answered_by_it(agent: Agent, token: str | None, status: int) -> None:
    transport = httpx.ASGITransport(create_app(agent))
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as outside:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for path in ("/api/v1", "/api/v1/contacts/a%0Ab", "/api/v1/a%0Db/c", "/api/v1/knowledge/sources/a%0Ab"):
            answer = await outside.request("DELETE" if "sources" in path else "GET", path, headers=headers)
            assert answer.status_code == status, path
            assert set(answer.json()["error"]) <= {"code", "message", "field"}


async def test_no_answer_leads_to_the_host_that_a_request_names(agent: Agent) -> None:
    transport = httpx.ASGITransport(create_app(agent))
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as outside:
        for path in ("/healthz/", "/metrics/", "/console", "/console/x/", "/mcp/", "/media/x/", "/api/v1/contacts/"):
            answer = await outside.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
            assert "evil.example" not in f"{answer.headers} {answer.text}", path


FAR = ("0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z")


async def test_a_time_at_the_end_of_all_times_is_refused_by_name(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
    for path, time in product(("/stats?from={}", "/stats?to={}", "/stats?by=hour&from={}&to={}", "/conversations?before={}",
                               "/conversations?before={}~aelyst:1", "/dead?before={}~x"), FAR):  # fmt: skip
        answer = await client.get(path.replace("{}", quote(time)), headers=headers)
        assert answer.status_code == 400, (path, time, answer.text)
        assert answer.json()["error"]["field"] in ("from", "to", "before")


async def test_a_time_in_a_body_that_is_too_far_is_refused_by_name(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
    for time in FAR:
        for path, body in (
            ("/followups", {"contact": ONE, "when": time, "text": "x"}),
            ("/webhooks/replay", {"since": time}),
            (f"/conversations/{ONE}/pause", {"for": "99999999999d"}),
        ):
            answer = await client.post(path, json=body, headers=headers)
            assert answer.status_code == 400, (path, time, answer.text)
            assert answer.json()["error"]["field"], path
        begins = {**PROMO, "audience": {"filter": {}}, "at": time}
        answer = await client.post("/broadcasts?dry_run=true", json=begins, headers=headers)
        assert answer.status_code in (200, 400), answer.text  # what has passed begins at once


async def test_the_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
    foreign = (await client.get("/conversations?limit=1", headers=headers)).json()["next"]
    answer = await client.get("/contacts", params={"before": foreign}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "before"


async def test_a_question_that_many_answer_at_once_is_answered_once(agent: Agent, client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['operator']}"}
    answers = await asyncio.gather(
        *(client.post("/knowledge/gaps/1", json={"answer": f"Ya, di lantai {n}."}, headers=headers) for n in range(8))
    )
    assert sorted(each.status_code for each in answers) == [200, *[404] * 7]
    assert (agent.config.folder / "knowledge" / "learned.md").read_text().count("Ya, di lantai") == 1
