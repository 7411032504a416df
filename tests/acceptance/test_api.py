"""`/api/v1` over HTTP: look at conversations, take part in them, try again what was given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.desk import write
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC

TOKEN = "api-token-of-this-test"
PHONE = "+6281234567802"


@asynccontextmanager
async def api(folder: Path, **changes: Any) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    """A started world and a client that knows the token."""
    async with world(folder, **changes) as here:
        here.config["server"]["api_token"] = TOKEN
        await here.start()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=headers, timeout=90) as client:
            yield here, client


async def _json(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None, *, expected: int = 200
) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def test_nobody_gets_in_without_the_token(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            async with httpx.AsyncClient(headers=headers) as stranger:
                for path in ("conversations", "conversations/1", "turns/x", "dead", "payments", "openapi.json"):
                    answer = await stranger.get(f"{here.url}/api/v1/{path}")
                    assert answer.status_code == 401, path
                    assert "conversations" not in answer.text
        assert (await client.get("/conversations")).status_code == 200


async def test_conversations_are_listed_and_shown_with_turns_and_steps(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        people = [here.sandbox.phone(f"+628123456780{n}") for n in range(3)]
        for person in people:
            here.sandbox.say(person, f"halo, saya {person.id}?")
            await here.texts(person)
        page = await _json(client, "GET", "/conversations?limit=2")
        assert [each["contact"]["key"]["id"] for each in page["conversations"]] == [str(p.id) for p in people[:0:-1]]
        assert page["conversations"][0]["last"]["author"] == "agent"
        rest = await _json(client, "GET", f"/conversations?limit=2&before={page['next']}")
        assert [each["contact"]["key"]["id"] for each in rest["conversations"]] == [str(people[0].id)]
        assert rest["next"] is None

        whole = await _json(client, "GET", f"/conversations/{people[1].phone}")
        assert [line["author"] for line in whole["messages"]] == ["contact", "agent"]
        (summary,) = whole["turns"]
        turn = await _json(client, "GET", f"/turns/{summary['id']}")
        assert [step["kind"] for step in turn["steps"]] == ["model"], "there is nothing to search"
        assert [each["state"] for each in turn["deliveries"]] == ["sent"]
        assert len(turn["answers"]) == 1


async def test_pausing_silences_and_resuming_brings_the_agent_back(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo?")
        await here.texts(budi)
        paused = await _json(client, "POST", f"/conversations/{PHONE}/pause", {"for": "2h", "by": "Rina"})
        assert paused["paused"]["by"] == "Rina"
        forever = await _json(client, "POST", f"/conversations/{PHONE}/pause", {"for": None, "by": "Rina"})
        assert forever["paused"]["until"] is None
        here.sandbox.say(budi, "masih di situ?")
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 1
        listed = await _json(client, "GET", "/conversations?only=paused")
        assert len(listed["conversations"]) == 1
        resumed = await _json(client, "POST", f"/conversations/{PHONE}/resume")
        assert resumed["paused"] is None
        asked = here.sandbox.say(budi, "sekarang?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: masih di situ?\nsekarang?"]


async def test_a_reply_by_api_is_a_humans_word(tmp_path: Path) -> None:
    """Sent once, in the history, and the agent is silent although it was just thinking."""
    async with api(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        async with here.model.held():
            here.sandbox.say(budi, "pesanan saya di mana?")
            await here.model.working()
            replied = await _json(
                client, "POST", f"/conversations/{PHONE}/reply", {"text": "Saya **Rina**, saya cek.", "by": "Rina"}
            )
        assert len(replied["deliveries"]) == 1
        assert replied["paused"]["by"] == "Rina"
        assert await here.texts(budi) == ["Saya *Rina*, saya cek."]
        again = await _json(client, "POST", f"/conversations/{PHONE}/reply", {"text": "Sudah dikirim.", "by": "Rina"})
        assert again["deliveries"] != replied["deliveries"]
        await write(here, budi, "Dari ponsel saya juga.")
        assert await here.texts(budi, count=2) == ["Saya *Rina*, saya cek.", "Sudah dikirim."]
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 2
        whole = await _json(client, "GET", f"/conversations/{PHONE}")
        assert [line["author"] for line in whole["messages"]] == ["contact", "human", "human", "human"]
        here.sandbox.close(budi)
        await here.settled(0.3)
        asked = here.sandbox.say(budi, "siapa yang cek tadi?")
        await here.texts(budi, after=asked)
        assert any("Saya **Rina**" in str(message["content"]) for message in here.model.asked[-1].messages)


async def test_what_was_given_up_is_listed_and_tried_again(tmp_path: Path) -> None:
    conversation = {"on_failure": "Maaf."}
    async with api(tmp_path, conversation=conversation, limits={"seconds": 6}) as (here, client):
        here.model.broken = 500
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi) == ["Maaf."]
        dead = await _json(client, "GET", "/dead")
        assert dead["deliveries"] == []
        (turn,) = dead["turns"]
        assert "500" in turn["reason"]
        here.model.broken = None
        await _json(client, "POST", f"/dead/{turn['id']}/retry")
        assert (await here.texts(budi, count=2))[-1] == "Jawaban untuk: buka jam berapa?"
        await _json(client, "POST", f"/dead/{turn['id']}/retry", expected=404)


async def test_a_delivery_that_failed_is_tried_again(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        right = here.sandbox.state.options
        here.sandbox.state.options = replace(right, token="withdrawn")
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "buka jam berapa?")
        async with asyncio.timeout(90):
            while not (given_up := (await _json(client, "GET", "/dead"))["deliveries"]):
                await asyncio.sleep(0.05)
        here.sandbox.state.options = right
        (delivery,) = given_up
        await _json(client, "POST", f"/dead/{delivery['id']}/retry")
        assert await here.texts(budi) == ["Jawaban untuk: buka jam berapa?"]


async def test_payments_are_listed_by_state(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"model": {"name": "offline"}, "payments": {"qris": {"payload": STATIC}}}
    async with api(tmp_path, **changes) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "bayar 50rb")
        await here.texts(budi, count=2)
        (payment,) = (await _json(client, "GET", "/payments?state=open"))["payments"]
        assert payment["amount"] == 50000
        assert (await _json(client, "GET", "/payments?state=paid,expired"))["payments"] == []
        (shown,) = (await _json(client, "GET", f"/conversations/{PHONE}"))["payments"]
        assert shown["reference"] == payment["reference"]


async def test_a_wrong_request_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo?")
        await here.texts(budi)
        one = f"/conversations/{PHONE}"
        for method, path, body, status, words in [
            ("GET", "/conversations/nobody", {}, 404, "nobody"),
            ("GET", "/conversations?limit=0", {}, 400, "limit"),
            ("GET", "/conversations?only=blocked", {}, 400, "paused"),
            ("GET", "/conversations?before=yesterday", {}, 400, "yesterday"),
            ("GET", "/turns/nothing", {}, 404, "nothing"),
            ("GET", "/payments?state=opened", {}, 400, "opened"),
            ("POST", f"{one}/reply", {"text": ""}, 400, "text"),
            ("POST", f"{one}/reply", {"txt": "halo"}, 400, "text"),
            ("POST", f"{one}/pause", {"for": "long"}, 400, "duration"),
        ]:
            problem = await _json(client, method, path, body or None, expected=status)
            assert words in problem["error"]["message"], path
        broken = await client.post(f"{one}/pause", content=b"{not json")
        assert broken.status_code == 400
        assert len(here.sandbox.sent(budi)) == 1


async def test_the_openapi_document_names_every_path_and_no_answer_holds_a_secret(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        document = await _json(client, "GET", "/openapi.json")
        assert document["openapi"] == "3.1.0"
        assert {
            "/conversations",
            "/conversations/{contact}",
            "/conversations/{contact}/pause",
            "/conversations/{contact}/resume",
            "/conversations/{contact}/reply",
            "/turns/{id}",
            "/dead",
            "/dead/{id}/retry",
            "/payments",
        } <= set(document["paths"])
        assert document["servers"] == [{"url": f"{here.url}/api/v1"}]
        references = [str(part) for part in _references(document)]
        assert references
        known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert set(references) <= known

        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, f"apakah {here.sandbox.token} itu token, dan {TOKEN}?")
        await here.texts(budi)
        whole = await client.get(f"/conversations/{PHONE}")
        turn = await client.get(f"/turns/{whole.json()['turns'][0]['id']}")
        for text in (whole.text, turn.text):
            assert TOKEN not in text
            assert here.sandbox.token not in text


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
