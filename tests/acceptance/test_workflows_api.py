"""The rows of the API for workflows, hooks, events out and contacts that are one person, as a program outside uses them."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from agent.ledger import contacts, open_database
from messaging.types import Contact, ContactKey
from tests.acceptance.flow import TOKEN, Receiver, private, rows, until
from tests.acceptance.test_api import PHONE, api
from tests.acceptance.test_api_contract import ask
from tests.acceptance.world import World, free_port

FLOWS: list[dict[str, Any]] = [
    {"name": "welcome", "on": "contact.created", "do": [{"note": "baru"}]},
    {"name": "slow", "on": "handover", "do": [{"wait": "1h"}, {"send": "masih ada?"}]},
    {"name": "form", "on": "webhook", "token": TOKEN, "do": [{"note": "{event.answer}"}]},
    {"name": "pagi", "on": {"schedule": "0 9 * * *"}, "for": {"filter": {"of": "ledger"}}, "do": [{"note": "pagi"}]},
    {"name": "malam", "on": {"schedule": "0 23 * * *"}, "do": [{"wait": "1s"}]},
]


async def known(here: World, client: httpx.AsyncClient) -> None:
    budi = here.sandbox.phone(PHONE, "Budi")
    here.sandbox.say(budi, "halo, jam buka?")
    await here.texts(budi)


async def test_workflows_are_listed_run_shown_cancelled_and_retried(tmp_path: Path) -> None:
    async with api(tmp_path, workflows=FLOWS) as (here, client):
        await known(here, client)
        listed = await ask(client, "GET", "/workflows")
        assert [each["name"] for each in listed["workflows"]] == ["welcome", "slow", "form", "pagi", "malam"]
        assert listed["next"] is None
        pagi = await ask(client, "GET", "/workflows/pagi")
        assert (pagi["on"], pagi["steps"]) == ("schedule: 0 9 * * *", ["note"])
        await ask(client, "GET", "/workflows/nothing", 404)

        begun = [await ask(client, "POST", "/workflows/slow/run", json={"contact": PHONE}) for _ in range(3)]
        assert len({each["run"] for each in begun}) == 3
        first = await ask(client, "GET", "/workflows/slow/runs?limit=2")
        rest = await ask(client, "GET", "/workflows/slow/runs", params={"before": first["next"]})
        assert [len(first["runs"]), len(rest["runs"]), rest["next"]] == [2, 1, None]
        one = f"/workflows/slow/runs/{begun[0]['run']}"
        await until(lambda: rows(here, "SELECT 1 FROM workflow_step WHERE kind = 'wait'"), here)
        assert [step["kind"] for step in (await ask(client, "GET", one))["steps"]] == ["wait"]
        assert (await ask(client, "POST", f"{one}/cancel"))["run"]["state"] == "cancelled"
        await ask(client, "POST", f"{one}/cancel", 409)
        await ask(client, "POST", f"{one}/retry", 409)
        await ask(client, "GET", "/workflows/slow/runs/run-nothing", 404)
        await ask(client, "POST", "/workflows/slow/runs/run-nothing/cancel", 404)
        assert len((await ask(client, "GET", "/workflows/slow/runs?state=running"))["runs"]) == 2

        rows(here, "UPDATE workflow_run SET state = 'failed', next_at = NULL WHERE id = ?", begun[1]["run"])
        assert [each["id"] for each in (await ask(client, "GET", "/dead"))["runs"]] == [begun[1]["run"]]
        retried = await ask(client, "POST", f"/workflows/slow/runs/{begun[1]['run']}/retry")
        assert retried["run"]["state"] == "running"

        assert (await ask(client, "POST", "/workflows/pagi/run"))["run"] is None  # one for each of its audience
        await until(lambda: rows(here, "SELECT 1 FROM workflow_run WHERE workflow = 'pagi' AND state = 'done'"), here)
        assert (await ask(client, "POST", "/workflows/malam/run"))["run"] is not None
        campaign = {"name": "p", "text": "Halo", "audience": {"filter": {"workflow": ["pagi"]}}}
        planned = await ask(client, "POST", "/broadcasts?dry_run=true", json=campaign)
        assert (planned["audience"], planned["to_send"]) == (1, 1)
        campaign["audience"] = {"filter": {"workflow": ["nothing"]}}
        wrong = await ask(client, "POST", "/broadcasts?dry_run=true", 400, json=campaign)
        assert "no workflow 'nothing'" in wrong["error"]["message"]
        for body, field in (({}, "contact"), ({"contact": "nobody"}, "contact"), ({"nope": 1}, "nope")):
            status = 404 if body.get("contact") else 400
            wrong = await ask(client, "POST", "/workflows/slow/run", status, json=body)
            assert wrong["error"]["field"] == field
        for query, field in (("state=dead", "state"), ("limit=0", "limit"), ("before=x", "before")):
            assert (await ask(client, "GET", f"/workflows/slow/runs?{query}", 400))["error"]["field"] == field


async def test_hooks_take_what_systems_send_and_refuse_what_is_wrong(tmp_path: Path) -> None:
    async with api(tmp_path, workflows=FLOWS) as (here, client):
        await known(here, client)
        bearer = {"Authorization": f"Bearer {TOKEN}"}

        async def hook(status: int = 200, **more: Any) -> Any:
            headers = {**bearer, **more.pop("headers", {})}
            return await ask(client, "POST", "/hooks/form", status, headers=headers, **more)

        async with asyncio.TaskGroup() as group:  # at the same moment
            body = {"event_id": "e-1", "phone": PHONE, "answer": "ya"}
            calls = [group.create_task(hook(json=body)) for _ in range(8)]
        assert sorted(each.result()["duplicate"] for each in calls) == [False] + [True] * 7
        assert len({each.result()["run"] for each in calls}) == 1
        await until(lambda: rows(here, "SELECT 1 FROM workflow_run WHERE workflow = 'form' AND state = 'done'"), here)
        assert len(rows(here, "SELECT 1 FROM workflow_run WHERE workflow = 'form'")) == 1

        assert (await hook(json={"event_id": "e-2"}, headers={"Idempotency-Key": "e-1"}))["duplicate"] is True
        assert (await hook(json={"id": 7, "phone": PHONE}, headers={"X-Event-Id": "e-3"}))["duplicate"] is False
        assert (await hook(data={"phone": PHONE, "answer": "lewat formulir"}))["accepted"] is True
        deep: Any = "x"
        for _ in range(400):
            deep = {"a": [deep]}
        odd = [{"id": 1, "x": deep}, {"id": 3, "x": 10**300}, {"id": True}, [1, 2]]
        for each in odd:
            assert (await hook(json=each))["accepted"] is True
        assert (await hook(content=b'{"id": 8, "x": "\\u0000\\ud800"}'))["accepted"]
        assert (await hook(content=b'{"id": 9, "x": NaN}', headers={"Content-Type": "application/json"}))["accepted"]
        for content in (b"", b"nothing", b'"text"', b"\xff\xfe", b"[" * 100_000):
            await hook(400, content=content)
        assert (await hook(413, content=b'{"x": "' + b"y" * 1024 * 1024 + b'"}'))["error"]["code"] == "too_large"
        assert (await hook(400, json={"phone": "not a number"}))["error"]["field"] == "phone"
        for token in ("wrong-token-of-nobody", TOKEN[:-1]):
            await hook(401, json={}, headers={"Authorization": f"Bearer {token}"})
        form = {"Authorization": "", "Content-Type": "application/x-www-form-urlencoded"}  # WooCommerce saves a webhook
        assert await hook(headers=form, content=b"webhook_id=3") == {"accepted": True, "duplicate": False, "run": None}
        for content in (
            b"webhook_id=3&phone=081",
            b'{"event_id":"e-9"}',
            b'{"event_id": "e-9", "phone": "+6281234567801"}',
        ):
            await hook(401, headers=form, content=content)
        await ask(client, "POST", "/hooks/welcome", 404, headers=bearer, json={})  # it begins with something else
        await ask(client, "POST", "/hooks/nothing", 404, headers=bearer, json={})
        await ask(client, "GET", "/workflows", 401, headers=bearer)  # a hook's token opens nothing else


async def test_no_secret_of_agent_yaml_is_in_what_runs_and_deliveries_show(tmp_path: Path) -> None:
    receiver = Receiver()
    post = {
        "url": f"{receiver.url}?api_key=key-of-the-crm-1&r=9f86d081884c7d659a2f", "headers": {"X-Key": "header-of-the-crm"},
        "secret": "secret-of-the-post", "json": {"answer": "{event.answer}", "token": TOKEN},
    }  # fmt: skip
    flow = {"name": "form", "on": "webhook", "token": TOKEN, "do": [{"post": post}, {"note": f"token {TOKEN}"}]}
    gone = f"http://127.0.0.1:{free_port()}/in/secret-of-the-path?sig=signature-of-the-url"
    told = [{"url": gone, "events": ["workflow.done"], "secret": "secret-of-the-events"}]
    async with (
        receiver.up(),
        api(tmp_path, workflows=[flow], webhooks=told, network=private()) as (here, client),
    ):
        await known(here, client)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        body = {"event_id": "e", "phone": PHONE, "answer": f"Bearer {TOKEN}"}
        run = (await ask(client, "POST", "/hooks/form", headers=bearer, json=body))["run"]
        ((headers, sent),) = await until(lambda: receiver.calls, here)
        assert (headers["x-key"], TOKEN.encode() in sent) == ("header-of-the-crm", True)
        shown = [
            await client.get(path) for path in (f"/workflows/form/runs/{run}", "/webhooks/deliveries", "/workflows")
        ]
        words = "".join(each.text for each in shown)
        words += await here.command("workflows", "show", "form", "--json") + await here.command(
            "webhooks", "list", "--json"
        )
        words += await here.command("workflows", "show", "form") + await here.command("webhooks", "list")
        words += (await client.get("/agent/config")).text + await here.command("ledger", "dead")
        words += "\n".join(here.log)
        for secret in (
            TOKEN, "key-of-the-crm-1", "header-of-the-crm", "secret-of-the-post", "9f86d081884c7d659a2f",
            "secret-of-the-path", "signature-of-the-url", "secret-of-the-events",
        ):  # fmt: skip
            assert secret not in words, secret
        assert receiver.url in words
        assert gone.partition("secret")[0] in words


async def test_two_contacts_become_one_person_only_when_a_human_says_so(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        await known(here, client)
        database = open_database(f"sqlite:///{tmp_path}/.balas/balas.db", base=tmp_path)
        tele = Contact(ContactKey("telegram", "99"), first_name="Budi", phone=PHONE, tags=("grosir",))
        await database.write(lambda connection: contacts.remember(connection, tele))
        await database.aclose()
        budi = f"aelyst:{here.sandbox.phone(PHONE).id}"
        assert (await ask(client, "GET", f"/contacts/{budi}"))["same_person"] == []
        merged = await ask(client, "POST", f"/contacts/{budi}/merge", json={"with": "telegram:99", "by": "Rina"})
        assert [f"{each['platform']}:{each['id']}" for each in merged["contacts"]] == [budi, "telegram:99"]
        details = await ask(client, "GET", f"/contacts/{budi}")
        assert details["same_person"] == [{"platform": "telegram", "id": "99"}]
        assert "grosir" in details["contact"]["tags"]
        await until(lambda: "grosir" in here.sandbox.phone(PHONE).tags, here)
        await ask(client, "POST", f"/contacts/{budi}/merge", 409, json={"with": "telegram:99"})
        for body, status, field in (
            ({"with": budi}, 400, "with"),
            ({"with": "telegram:98"}, 404, "contact"),
            ({}, 400, "with"),
        ):
            assert (await ask(client, "POST", f"/contacts/{budi}/merge", status, json=body))["error"]["field"] == field
        trail = (await ask(client, "GET", "/audit"))["audit"]
        assert any("merge" in each["path"] and each["contact"]["id"] == budi.split(":")[1] for each in trail)
        assert (await ask(client, "POST", "/contacts/telegram:99/split"))["links"] == 1
        await ask(client, "POST", "/contacts/telegram:99/split", 409)
        await until(lambda: "grosir" not in here.sandbox.phone(PHONE).tags, here)
