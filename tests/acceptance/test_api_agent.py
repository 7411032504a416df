"""`/api/v1/agent`, roles, and the audit trail over HTTP: trying the agent, and reconfiguring it while messages flow."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from ruamel.yaml import YAML

from tests.acceptance.test_api import PHONE, TOKEN, api
from tests.acceptance.test_handover import OUTPUT_ONLY
from tests.actions.qris.codes import STATIC

OPERATOR, VIEWER = "operator-token-1", "viewer-token-12"


async def _ask(client: httpx.AsyncClient, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = await client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_trial_runs_the_whole_turn_and_leaves_nothing(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"model": {"name": "offline"}, "payments": {"qris": {"payload": STATIC}}}
    async with api(tmp_path, **changes) as (here, client):
        tested = await _ask(client, "POST", "/agent/test", json={"text": "bayar 50rb", "contact": PHONE})
        assert "50.000" in tested["reply"]
        assert [each["qris"] is not None for each in tested["attachments"]] == [True]
        assert [each["name"] for each in tested["actions"]] == ["send_qris"]
        assert tested["seconds"] > 0
        more = await _ask(
            client, "POST", "/agent/test", json={"text": "kirim ulang qris", "session": tested["session"]}
        )
        assert more["session"] == tested["session"]
        assert more["attachments"], "the conversation goes on: the code is known"
        assert (await _ask(client, "GET", "/contacts"))["contacts"] == []
        assert (await _ask(client, "GET", "/conversations"))["conversations"] == []
        assert (await _ask(client, "GET", "/payments"))["payments"] == []
        assert here.sandbox.sent(here.sandbox.phone(PHONE)) == []
        wrong = await _ask(client, "POST", "/agent/test", 400, json={"contact": PHONE})
        assert wrong["error"]["code"] == "invalid"


async def test_what_cannot_be_stored_is_replaced_in_a_trial_too(tmp_path: Path) -> None:
    history = [{"author": "customer", "text": "a\ud83d\0"}]
    body = {"text": "halo\ud83d\0 " + "ya " * 3_000, "history": history, "contact": PHONE}
    async with api(tmp_path) as (here, client):
        headers = {"Content-Type": "application/json"}
        tested = await _ask(client, "POST", "/agent/test", content=json.dumps(body), headers=headers)
        assert tested["reply"]
        assert "halo\ufffd" in here.model.asked[0].last
        assert len(here.model.asked[0].last) < 6_000


async def test_the_steps_of_a_trial_are_told_as_they_end(tmp_path: Path) -> None:
    async with api(tmp_path) as (_here, client):
        headers = {"Accept": "text/event-stream"}
        async with client.stream("POST", "/agent/test", json={"text": "halo?"}, headers=headers) as answer:
            lines = [line async for line in answer.aiter_lines()]
        events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert events == ["step", "done"]
        assert "Jawaban untuk: halo?" in lines[-2]


async def test_another_agent_yaml_takes_over_without_losing_a_message(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        shown = await _ask(client, "GET", "/agent/config")
        assert TOKEN not in shown["yaml"]
        assert here.sandbox.token not in shown["yaml"]
        here.model.delay = 1
        people = [here.sandbox.phone(f"+628123456780{n}") for n in range(3)]
        here.sandbox.say(people[0], "lama?")
        await here.model.working()
        text = shown["yaml"].replace("Kamu Melati, asisten Kopi Senja.", "Kamu Bunga, asisten toko.")
        changed = await _ask(client, "PUT", "/agent/config", content=text, headers={"Content-Type": "application/yaml"})
        assert "Bunga" in changed["config"]["instructions"]
        here.sandbox.say(people[1], "baru?")
        assert await here.texts(people[0]) == ["Jawaban untuk: lama?"]
        assert await here.texts(people[1]) == ["Jawaban untuk: baru?"]
        assert "Bunga" in here.model.asked[-1].system
        assert "Melati, asisten" in here.model.asked[0].system
        assert "Bunga" not in (tmp_path / "agent.yaml").read_text()
        await _ask(client, "PUT", "/agent/config?save=true", json={"yaml": text})
        saved = YAML(typ="safe").load((tmp_path / "agent.yaml").read_text())
        assert saved["instructions"] == "Kamu Bunga, asisten toko."
        assert saved["server"]["api_token"] == TOKEN, "the mask that came back means the secret in place"


async def test_a_wrong_agent_yaml_is_refused_with_its_lines_and_the_old_one_stays(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        text = (await _ask(client, "GET", "/agent/config"))["yaml"]
        wrong = await _ask(
            client, "PUT", "/agent/config", 422, json={"yaml": text + "\nnonsense: 1\nlimits: {seconds: x}\n"}
        )
        problems = wrong["error"]["problems"]
        assert {each["line"] for each in problems} == {text.count("\n") + 2, text.count("\n") + 3}
        dead = text.replace(here.model.url, "http://127.0.0.1:9/v1")
        gone = await _ask(client, "PUT", "/agent/config", 502, json={"yaml": dead})
        assert "model" in gone["error"]["message"]
        fixed = await _ask(client, "PUT", "/agent/config", 409, json={"yaml": text + "\nstorage: sqlite:///other.db\n"})
        assert fixed["error"]["field"] == "storage"
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "masih?")
        assert await here.texts(budi) == ["Jawaban untuk: masih?"]


async def test_a_role_may_do_what_it_may_and_who_did_it_is_kept(tmp_path: Path) -> None:
    tokens = [
        {"name": "Rina", "token": OPERATOR, "role": "operator"},
        {"name": "Tamu", "token": VIEWER},
    ]
    async with api(tmp_path) as (here, client):
        here.config["server"]["tokens"] = tokens
        await here.stop()
        await here.start()
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo?")
        await here.texts(budi)
        one, rina, tamu = (
            f"/conversations/{PHONE}",
            {"Authorization": f"Bearer {OPERATOR}"},
            {"Authorization": f"Bearer {VIEWER}"},
        )
        await _ask(client, "GET", one, headers=tamu)
        await _ask(client, "POST", "/agent/test", json={"text": "halo?"}, headers=tamu)
        refused = await _ask(client, "POST", f"{one}/pause", 403, headers=tamu)
        assert refused["error"]["code"] == "forbidden"
        await _ask(client, "POST", "/agent/test", 403, json={"text": "halo?", "live": True}, headers=tamu)
        paused = await _ask(client, "POST", f"{one}/pause", headers=rina)
        assert paused["paused"]["by"] == "Rina"
        await _ask(client, "PUT", "/agent/config", 403, json={"yaml": "name: x"}, headers=rina)
        await _ask(client, "DELETE", f"/contacts/{PHONE}", 403, headers=rina)
        entries = (await _ask(client, "GET", "/audit"))["audit"]
        assert [(each["name"], each["path"], each["status"]) for each in entries[:4]] == [
            ("Rina", "/contacts/{contact}", 403),
            ("Rina", "/agent/config", 403),
            ("Rina", "/conversations/{contact}/pause", 200),
            ("Tamu", "/agent/test", 403),
        ]
        assert entries[2]["contact"]["id"] == str(budi.id)
        assert PHONE not in str(entries)


async def test_guessing_tokens_is_slowed_down_and_the_right_one_stays_right(tmp_path: Path) -> None:
    async with api(tmp_path) as (_here, client):
        await _ask(client, "GET", "/session")
        statuses = [
            (await client.get("/session", headers={"Authorization": f"Bearer guess{n}"})).status_code for n in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2
        assert (await _ask(client, "GET", "/session"))["role"] == "admin"


async def test_a_cookie_changes_nothing_for_a_page_of_another_origin(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1") as browser:
            for elsewhere in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
                assert (await browser.post("/session", json={"token": TOKEN}, headers=elsewhere)).status_code == 403
            login = await browser.post("/session", json={"token": TOKEN})
            cookie = login.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            await _ask(browser, "GET", "/conversations")
            await _ask(browser, "POST", "/knowledge/sync", 403)
            await _ask(
                browser,
                "POST",
                "/knowledge/sync",
                403,
                headers={"X-Balas-Console": "1", "Sec-Fetch-Site": "cross-site"},
            )
            await _ask(browser, "POST", "/knowledge/sync", headers={"X-Balas-Console": "1"})
            await here.stop()
            await here.start()
            await _ask(browser, "GET", "/conversations")
            await browser.delete("/session")
            await _ask(browser, "GET", "/conversations", 401)
        await _ask(client, "GET", "/conversations")


async def test_trials_count_in_the_budget_of_the_day_and_go_by_it(tmp_path: Path) -> None:
    async with api(tmp_path, limits={"usd_per_day": 0.2, "usd_per_contact_per_day": 0.2}) as (here, client):
        here.config["model"]["price"] = OUTPUT_ONLY
        await here.stop()
        await here.start()
        first = await _ask(client, "POST", "/agent/test", json={"text": "halo?"})
        assert first["cost"] > 0
        counted = (await _ask(client, "GET", "/stats"))["stats"][-1]
        assert counted["cost"] == first["cost"]
        assert counted["tokens"] == first["usage"]["tokens"]
        assert counted["messages"] == 0
        await _ask(client, "POST", "/agent/test", json={"text": "lagi?"})
        third = await _ask(client, "POST", "/agent/test", json={"text": "lagi?", "session": first["session"]})
        assert "usd_per_day" in third["handover"]
        asked = len(here.model.asked)
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo?")
        await here.texts(budi)
        assert len(here.model.asked) == asked, "customers find the same budget used up"


async def test_a_picture_is_shown_to_the_model_in_a_trial_and_from_the_platform(tmp_path: Path) -> None:
    picture = BytesIO()
    Image.new("RGB", (30, 20), "red").save(picture, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    async with api(tmp_path, network={"allow_private": ["127.0.0.1"]}) as (here, client):
        here.model.answer = lambda asked: "Kotak merah."
        tested = await _ask(client, "POST", "/agent/test", json={"text": "ini apa?", "image_url": url})
        assert tested["reply"] == "Kotak merah."
        assert "file" in [step["kind"] for step in tested["steps"]]
        budi = here.sandbox.phone(PHONE)
        here.sandbox.attach(budi, picture.getvalue(), "foto.png", "kalau ini?")
        assert await here.texts(budi) == ["Kotak merah."]
        broken = "data:image/png;base64,aGFsbw=="
        assert (await _ask(client, "POST", "/agent/test", json={"image_url": broken}))["reply"] == "Kotak merah."
    trial, real, unread = (asked.messages[-1]["content"] for asked in here.model.asked[-3:])
    for content, words in ((trial, "ini apa?"), (real, "kalau ini?\n[image: foto.png]")):
        text, shown = content
        assert words in text["text"]
        assert shown["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert "cannot be read here: say so" in unread
