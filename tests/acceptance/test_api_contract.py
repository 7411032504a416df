"""Each row of the API as a program outside would use it: what it does, and what it answers to a wrong request."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.test_api import PHONE, api
from tests.acceptance.world import World
from tests.actions.qris.codes import STATIC
from tests.processes import ROOT, program

ACTIONS = '''
from pathlib import Path


def stock(item: str, count: int = 1) -> str:
    """Say how many there are.

    Args:
        item: what.
        count: at least so many.
    """
    return f"{item}: {count}"


def order(item: str) -> str:
    """Order it."""
    Path(__file__).with_name("ordered.txt").write_text(item)
    return "ordered"
'''


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    """The API of a shop with a document, two actions and payments, on the offline model."""
    (folder / "docs").mkdir()
    (folder / "docs" / "toko.md").write_text("# Jam buka\n\nKami buka setiap hari pukul 08.00 sampai 21.00.\n")
    (folder / "actions.py").write_text(ACTIONS)
    changes: dict[str, Any] = {
        "model": {"name": "offline"},
        "payments": {"qris": {"payload": STATIC}},
        "knowledge": {"sources": ["docs/*.md"]},
        "actions": [{"python": "actions.py:stock", "effect": False}, {"python": "actions.py:order", "effect": True}],
    }
    async with api(folder, **changes) as (here, client):
        yield here, client


async def ask(client: httpx.AsyncClient, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = await client.request(method, path, **more)
    assert answer.status_code == status, (method, path, answer.text)
    found = answer.json()
    if status >= 400:
        assert set(found) == {"error"}
        assert isinstance(found["error"]["code"], str)
        assert isinstance(found["error"]["message"], str)
    return found


async def test_contacts_are_found_changed_and_forgotten(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo")
        await here.texts(budi)
        one = f"/contacts/{PHONE}"
        for q in ("budi", PHONE, PHONE[-5:]):
            found = await ask(client, "GET", "/contacts", params={"q": q})
            assert [each["contact"]["phone"] for each in found["contacts"]] == [PHONE], q
            assert found["next"] is None
        assert (await ask(client, "GET", "/contacts?q=zzz"))["contacts"] == []
        changed = await ask(
            client, "PUT", one, json={"tags": ["vip"], "first_name": "Sari", "custom_fields": {"Notes": "suka teh"}}
        )
        assert changed["contact"]["tags"] == ["vip"]
        assert (await ask(client, "GET", one))["contact"]["first_name"] == "Sari"
        assert (await ask(client, "GET", "/contacts?q=vip"))["contacts"]
        for wrong, field in (
            ({"tags": "vip"}, "tags"),
            ({"nope": 1}, "nope"),
            ({"custom_fields": {"nope": "x"}}, "nope"),
            ({"custom_fields": []}, "custom_fields"),
        ):
            assert (await ask(client, "PUT", one, 400, json=wrong))["error"]["field"] == field
        async with asyncio.timeout(90):
            while (await client.delete(one)).status_code == 409:  # a message to them is just being sent
                await asyncio.sleep(0.2)
        for method in ("GET", "PUT", "DELETE"):
            body = {"json": {"tags": []}} if method == "PUT" else {}
            assert (await ask(client, method, one, 404, **body))["error"]["code"] == "not_found"
        assert (await ask(client, "GET", "/contacts"))["contacts"] == []


async def test_knowledge_is_added_found_and_removed_and_gaps_are_closed(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        files = {"file": ("menu.md", b"# Menu\n\nKopi susu gula aren 18.000 rupiah.\n", "text/markdown")}
        uploaded = await ask(client, "POST", "/knowledge/files", files=files)
        await _synced(client)
        hits = (await ask(client, "GET", "/knowledge/search?q=kopi susu"))["hits"]
        assert [each["source"] for each in hits] == [uploaded["id"]]
        (tmp_path / "docs" / "lain.txt").write_text("Teh tarik 12.000 rupiah.\n")
        added = await ask(client, "POST", "/knowledge/sources", json={"path": "docs/lain.txt"})
        await _synced(client)
        assert (await ask(client, "GET", "/knowledge/search?q=teh tarik"))["hits"]
        listed = await ask(client, "GET", "/knowledge/sources?limit=1")
        rest = await ask(client, "GET", "/knowledge/sources", params={"before": listed["next"]})
        assert {each["id"] for each in (*listed["sources"], *rest["sources"])} == {
            "docs/*.md",
            "docs/lain.txt",
            uploaded["id"],
        }
        await ask(client, "POST", "/knowledge/sources", 409, json={"path": "docs/lain.txt"})
        await ask(client, "DELETE", "/knowledge/sources", params={"id": added["id"]})
        await ask(client, "DELETE", f"/knowledge/sources/{uploaded['id']}")
        assert (await ask(client, "GET", "/knowledge/search?q=teh tarik"))["hits"] == []
        await ask(client, "DELETE", "/knowledge/sources/nope", 404)
        assert (await ask(client, "DELETE", "/knowledge/sources", 400))["error"]["field"] == "id"
        assert (await ask(client, "POST", "/knowledge/sources", 400, json={"path": "../x"}))["error"]["field"] == "path"
        await ask(client, "POST", "/knowledge/sources", 400, json={})
        await ask(client, "POST", "/knowledge/files", 415, json={})
        assert (await ask(client, "POST", "/knowledge/files", 400, files={"x": ("x", b"x")}))["error"][
            "field"
        ] == "file"

        budi = here.sandbox.phone(PHONE)
        for text in ("apakah ada parkir helikopter?", "bisa antar ke bulan tidak?"):
            asked = here.sandbox.say(budi, text)
            await here.texts(budi, after=asked)
        helipad, moon = sorted((await ask(client, "GET", "/knowledge/gaps"))["gaps"], key=lambda gap: gap["id"])
        for wrong in ({}, {"answer": "x", "drop": True}, {"answer": "  "}):
            await ask(client, "POST", f"/knowledge/gaps/{helipad['id']}", 400, json=wrong)
        await ask(client, "POST", f"/knowledge/gaps/{helipad['id']}", json={"answer": "Ada, di atap gedung."})
        await ask(client, "POST", f"/knowledge/gaps/{moon['id']}", json={"drop": True})
        assert (await ask(client, "GET", "/knowledge/gaps"))["gaps"] == []
        tried = await ask(client, "POST", "/agent/test", json={"text": "apakah ada parkir helikopter?"})
        assert "atap" in tried["reply"]
        for gone in (helipad["id"], 99_999, 10**25):
            await ask(client, "POST", f"/knowledge/gaps/{gone}", 404, json={"drop": True})


async def _synced(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(90):
        await asyncio.sleep(0.1)
        while (await ask(client, "GET", "/knowledge/status"))["syncing"]:
            await asyncio.sleep(0.1)


async def test_a_payment_is_marked_as_paid_once_and_told_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "bayar 50rb")
        await here.texts(budi)
        await here.settled()
        (payment,) = (await ask(client, "GET", "/payments"))["payments"]
        before = len(here.sandbox.sent(budi))
        answers = await asyncio.gather(*(client.post(f"/payments/{payment['id']}/paid") for _ in range(5)))
        assert [each.status_code for each in answers] == [200] * 5
        assert sorted(each.json()["changed"] for each in answers) == [False] * 4 + [True]
        await here.texts(budi, count=before + 1)
        await here.settled()
        assert len(here.sandbox.sent(budi)) == before + 1
        assert [each["state"] for each in (await ask(client, "GET", "/payments?state=paid"))["payments"]] == ["paid"]
        await ask(client, "POST", "/payments/nope/paid", 404)
        for query, field in (
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("state=nope", "state"),
            ("before=nope", "before"),
        ):
            assert (await ask(client, "GET", f"/payments?{query}", 400))["error"]["field"] == field


async def test_a_broadcast_is_planned_created_paused_and_cancelled(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo")
        await here.texts(budi)
        keys = {"name": "promo", "text": "Hai {contact.first_name|Kak}, ada promo.", "between": "00:00-24:00"}
        csv = f"phone,first_name\n{PHONE},Budi\n+62811,Bad\n".encode()
        form: dict[str, Any] = {
            "data": {"broadcast": json.dumps(keys)},
            "files": {"file": ("people.csv", csv, "text/csv")},
        }
        plan = await ask(client, "POST", "/broadcasts?dry_run=true", **form)
        assert (plan["to_send"], plan["recorded"], plan["dry_run"], len(plan["left_out"])) == (1, 0, True, 1)
        assert (await ask(client, "GET", "/broadcasts"))["broadcasts"] == []
        made = await ask(client, "POST", "/broadcasts", data=keys, files={"file": ("people.csv", csv, "text/csv")})
        assert (made["recorded"], made["dry_run"]) == (1, False)
        assert "Hai Budi, ada promo." in await here.texts(budi, count=2)
        async with asyncio.timeout(90):
            while (counts := (await ask(client, "GET", "/broadcasts/promo"))["counts"])["sent"] == 0:
                await asyncio.sleep(0.1)
        assert sum(counts.values()) == 1
        later = {
            "name": "nanti", "text": "Hai", "audience": {"filter": {"tag": "vip"}}, "between": "00:00-24:00",
        }  # fmt: skip
        planned = await client.post("/broadcasts?dry_run=true", json=later)
        assert planned.status_code in (200, 400), planned.text
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        await ask(client, "POST", "/broadcasts", data={**keys, "name": "besok", "at": tomorrow},
                  files={"file": ("people.csv", csv, "text/csv")})  # fmt: skip
        for what, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            assert (await ask(client, "POST", f"/broadcasts/besok/{what}"))["state"] == state
            await ask(client, "POST", f"/broadcasts/besok/{what}", 409)
            await ask(client, "POST", f"/broadcasts/nope/{what}", 404)
        listed = await ask(client, "GET", "/broadcasts?limit=1")
        assert [each["name"] for each in listed["broadcasts"]] == ["besok"]
        rest = await ask(client, "GET", "/broadcasts", params={"before": listed["next"]})
        assert [each["name"] for each in rest["broadcasts"]] == ["promo"]
        for wrong, field in (
            ({"name": "x", "text": "x"}, "audience"),
            ({"name": "x", "text": "x", "audience": {"nope": 1}}, "audience.nope"),
            ({"name": "x", "text": "x", "audience": {"csv": "/etc/passwd"}}, "audience"),
        ):
            assert (await ask(client, "POST", "/broadcasts", 400, json=wrong))["error"]["field"] == field
        await ask(client, "POST", "/broadcasts", 400, json=[])
        await ask(client, "POST", "/broadcasts", 415, content=b"name: x", headers={"Content-Type": "application/yaml"})
        wrong_flag = await ask(client, "POST", "/broadcasts?dry_run=maybe", 400, json=later)
        assert wrong_flag["error"]["field"] == "dry_run"


async def test_a_follow_up_is_promised_and_called_off(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo")
        await here.texts(budi)
        when = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        made = [
            await ask(client, "POST", "/followups", json={"contact": PHONE, "when": when, "text": f"Nomor {n}"})
            for n in range(2)
        ]
        page = await ask(client, "GET", "/followups?limit=1")
        rest = await ask(client, "GET", "/followups", params={"before": page["next"]})
        assert {each["id"] for each in (*page["followups"], *rest["followups"])} == {each["id"] for each in made}
        assert rest["next"] is None
        await ask(client, "DELETE", f"/followups/{made[0]['id']}")
        await ask(client, "DELETE", "/followups", params={"id": made[1]["id"]})
        for each in made:
            await ask(client, "DELETE", f"/followups/{each['id']}", 404)
        assert (await ask(client, "GET", "/followups"))["followups"] == []
        right = {"contact": PHONE, "when": when, "text": "x"}
        for wrong, field in (
            ({"when": "nanti"}, "when"), ({"when": "2020-01-01T00:00:00Z"}, "when"), ({"text": " "}, "text"), ({"text": 1}, "text"),
        ):  # fmt: skip
            assert (await ask(client, "POST", "/followups", 400, json={**right, **wrong}))["error"]["field"] == field
        await ask(client, "POST", "/followups", 404, json={**right, "contact": "nobody@example.com"})


async def test_an_action_is_dry_unless_live_and_its_arguments_are_refused_by_name(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_here, client):
        listed = {each["name"]: each for each in (await ask(client, "GET", "/actions"))["actions"]}
        assert listed["order"]["effect"]
        assert set(listed["stock"]["parameters"]["properties"]) == {"item", "count"}
        dry = await ask(client, "POST", "/actions/order/test", json={"arguments": {"item": "kopi"}})
        assert dry["status"] == "dry"
        assert not (tmp_path / "ordered.txt").exists()
        live = await ask(client, "POST", "/actions/order/test", json={"arguments": {"item": "kopi"}, "live": True})
        assert live["status"] == "done"
        assert (tmp_path / "ordered.txt").read_text() == "kopi"
        for wrong, field in (
            ({"item": "kopi", "count": "many"}, "count"), ({"nope": 1}, "nope"), ({}, "item"),
        ):  # fmt: skip
            refused = await ask(client, "POST", "/actions/stock/test", 400, json={"arguments": wrong})
            assert refused["error"]["field"] == field
        assert (await ask(client, "POST", "/actions/stock/test", 400, json={"arguments": []}))["error"][
            "field"
        ] == "arguments"
        await ask(client, "POST", "/actions/nope/test", 404, json={"arguments": {}})


async def test_the_figures_are_those_of_the_conversation(tmp_path: Path) -> None:
    async with api(tmp_path, conversation={"on_failure": "Maaf."}, limits={"seconds": 12}) as (here, client):
        budi = here.sandbox.phone(PHONE)
        for n in range(3):
            asked = here.sandbox.say(budi, f"pertanyaan {n}?")
            await here.texts(budi, after=asked)
        here.model.broken = 500
        asked = here.sandbox.say(budi, "masih ada?")
        assert await here.texts(budi, after=asked) == ["Maaf."]
        await here.settled()  # the customer may have it before the ledger knows
        today = datetime.now(UTC).date()
        for query in ("", f"?from={today - timedelta(days=2)}&to={today + timedelta(days=2)}", "?by=hour"):
            rows = (await ask(client, "GET", f"/stats{query}"))["stats"]
            assert rows == sorted(rows, key=lambda row: row["at"])
            whole = {
                key: sum(row[key] for row in rows)
                for key in ("messages", "replies", "failures", "tokens", "unanswered")
            }
            assert whole == {"messages": 4, "replies": 4, "failures": 1, "tokens": 330, "unanswered": 1}, query
            for busy in (row for row in rows if row["messages"]):  # two, where an hour ends meanwhile
                assert 0 < busy["first_reply_p50"] <= busy["first_reply_p95"] < 60
        dead = await ask(client, "GET", "/dead")
        assert [(each["id"], each["kind"]) for each in dead["dead"]] == [(dead["turns"][0]["id"], "turn")]
        for query, field in (
            ("by=week", "by"),
            ("from=x", "from"),
            ("to=x", "to"),
            ("from=2026-02-01&to=2026-01-01", "from"),
        ):
            assert (await ask(client, "GET", f"/stats?{query}", 400))["error"]["field"] == field


async def test_what_happens_is_told_as_it_happens_and_a_reader_that_goes_costs_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        seen: dict[str, Any] = {}
        for _ in range(3):
            async with client.stream("GET", "/events") as gone:
                assert gone.headers["content-type"].startswith("text/event-stream")
        async with client.stream("GET", "/events") as answer, asyncio.timeout(90):
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                    if name == "hello":
                        here.sandbox.say(budi, "bayar 50rb")
                elif line.startswith("data: "):
                    seen.setdefault(name, []).append(json.loads(line.removeprefix("data: ")))
                if {"received", "turn", "message", "payment"} <= set(seen) and len(seen["message"]) == 2:
                    break
        assert [each["author"] for each in seen["message"]] == ["contact", "agent"]
        assert {each["contact"] for each in seen["turn"]} == {f"aelyst:{budi.id}"}


async def test_a_trial_takes_all_its_keys(tmp_path: Path) -> None:
    async with shop(tmp_path) as (_here, client):
        spoken = [{"author": "customer", "text": "bayar 50rb"}, {"role": "assistant", "content": "Baik."}]
        tried = await ask(
            client, "POST", "/agent/test",
            json={"text": "jam buka?", "contact": "+6281299990000", "history": spoken, "live": False},
        )  # fmt: skip
        assert set(tried) >= {"reply", "attachments", "steps", "passages", "actions", "usage", "cost", "seconds"}
        assert "08.00" in tried["reply"]
        assert tried["passages"][0]["source"] == "docs/toko.md"
        pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        assert (await ask(client, "POST", "/agent/test", json={"image_url": pixel}))["reply"]
        assert (await ask(client, "POST", "/agent/test", json={"audio_url": "data:audio/ogg;base64,T2dnUw=="}))["reply"]
        for wrong, field in (
            ({}, None), ({"text": ""}, "text"), ({"text": 1}, "text"), ({"audio_url": "ftp://x"}, "audio_url"),
            ({"image_url": "data:,x"}, "image_url"), ({"text": "x", "live": "maybe"}, "live"), ({"text": "x", "nope": 1}, "nope"),
            ({"text": "x", "history": [{"author": "x", "text": "x"}]}, "history.0.author"),
        ):  # fmt: skip
            assert (await ask(client, "POST", "/agent/test", 400, json=wrong))["error"].get("field") == field
        assert (await ask(client, "GET", "/contacts"))["contacts"] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_kind_is_refused_as_such(tmp_path: Path, kind: str) -> None:
    async with api(tmp_path) as (_here, client):
        headers = {"Content-Type": kind}
        for path in ("/followups", "/agent/test", f"/conversations/{PHONE}/reply"):
            found = await ask(client, "POST", path, 415, content=b"<x/>", headers=headers)
            assert found["error"]["code"] == "unsupported_media_type"
        await ask(client, "PUT", "/agent/config", 415, content=b"a,b", headers={"Content-Type": "text/csv"})


async def test_every_wrong_way_in_is_answered_in_the_one_form(tmp_path: Path) -> None:
    async with api(tmp_path) as (_here, client):
        for method, path, status in (
            ("GET", "/nope", 404), ("POST", "/stats", 405), ("PATCH", "/contacts/x", 405), ("GET", "/turns/nope", 404),
            ("GET", "/conversations/nope", 404), ("POST", "/dead/nope/retry", 404), ("GET", "/broadcasts/nope", 404),
        ):  # fmt: skip
            await ask(client, method, path, status)
        for path in ("/conversations", "/contacts", "/payments", "/broadcasts", "/followups", "/dead", "/actions",
                     "/knowledge/sources", "/knowledge/gaps", "/audit"):  # fmt: skip
            assert (await ask(client, "GET", f"{path}?limit=x", 400))["error"]["field"] == "limit"
            whole = await ask(client, "GET", path)
            assert isinstance(whole[path.rpartition("/")[2]], list)
            assert whole["next"] is None
        await ask(client, "GET", "/stats", 401, headers={"Authorization": "Bearer wrong"})
        await ask(client, "POST", "/followups", 413, content=bytes(64 * 1024 * 1024 + 1))


async def test_a_conversation_and_one_of_the_playground_are_saved_as_scenarios_that_run(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        asked = here.sandbox.say(budi, f"jam buka toko? saya Budi, {PHONE}")
        await here.texts(budi, after=asked)
        async with asyncio.timeout(60):
            while (await ask(client, "GET", f"/conversations/{PHONE}"))["summary"]["waiting"]:
                await asyncio.sleep(0.2)
        talked = await ask(client, "GET", f"/conversations/{PHONE}/scenario")
        assert re.fullmatch(r"tests/conversation_\d{8}_[0-9a-f]{6}\.yaml", talked["file"])
        assert talked["cassette"] is None
        assert PHONE not in talked["scenario"]
        assert PHONE.removeprefix("+") not in talked["scenario"]
        first = await ask(client, "POST", "/agent/test", json={"text": "jam buka toko?"})
        await ask(client, "POST", "/agent/test", json={"text": "bayar 50rb", "session": first["session"]})
        tried = await ask(client, "GET", f"/agent/test/{first['session']}/scenario")
        for path in ("/conversations/+6281200000000/scenario", "/agent/test/nothing/scenario"):
            assert (await ask(client, "GET", path, 404))["error"]["code"] == "not_found"
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "conversation.yaml").write_text(talked["scenario"])
    (tests / "playground.yaml").write_text(tried["scenario"])
    command = [*program(), "test", "-c", str(tmp_path / "agent.yaml"), "--json"]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    results = json.loads(ended.stdout)["scenarios"]
    assert [(each["name"].split()[0], each["passed"]) for each in results] == [
        ("conversation", True),
        ("playground", True),
    ], results
    turns = results[1]["runs"][0]["turns"]
    assert [call["name"] for call in turns[1]["calls"]] == ["send_qris"]
