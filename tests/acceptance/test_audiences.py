"""Every kind of audience, by command and over HTTP: what the dry run counts is what is sent, and what is listed afterwards."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from messaging.sandbox.records import Contact
from tests.acceptance.campaign import Campaign
from tests.acceptance.flow import API, TOKEN, call, ended, rows, server, until
from tests.acceptance.world import World, world

PEOPLE = ("Sari", "Budi", "Emma", "Keluh", "Henti", "Blokir", "Bantu", "Baru")
WROTE = {"Sari", "Budi", "Keluh", "Henti", "Bantu"}
REFUSED = {
    "Henti": "the contact opted out",
    "Blokir": "the contact is blocked on the platform",
    "Bantu": "a human is in the conversation (assigned to Rina Hartono)",
}
AUDIENCES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "everybody": ({"filter": {}}, set(PEOPLE)),
    "any_tag": ({"filter": {"any_tag": ["vip", "reseller"]}}, set(PEOPLE) - {"Emma", "Baru"}),
    "all_tags": ({"filter": {"all_tags": ["vip", "reseller"]}}, {"Sari"}),
    "no_tag": ({"filter": {"any_tag": "vip", "no_tag": "keluhan"}}, {"Sari", "Budi", "Henti", "Blokir", "Bantu"}),
    "lifecycle": ({"filter": {"lifecycle": ["Customer"]}}, {"Budi", "Emma"}),
    "language": ({"filter": {"language": ["en"]}}, {"Emma"}),
    "country": ({"filter": {"country": ["MY"]}}, {"Emma"}),
    "fields": ({"filter": {"fields": {"Notes": "Bandung"}}}, {"Sari", "Henti"}),
    "channel": ({"filter": {"channel": ["whatsapp_cloud"]}}, WROTE),
    "wrote_within": ({"filter": {"wrote_within": "1d"}}, WROTE),
    "silent_for": ({"filter": {"silent_for": "1d"}}, set(PEOPLE) - WROTE),
    "of": ({"filter": {"of": "ledger", "wrote_within": "1d"}}, WROTE),
    "workflow": ({"filter": {"workflow": ["welcome"]}}, {"Sari", "Budi"}),
    "csv": ({"csv": "orang.csv"}, {"Budi", "Emma", "Henti"}),
}
WELCOME = {"name": "welcome", "on": "webhook", "token": TOKEN, "do": [{"tag": "disambut"}]}


async def _made(here: World) -> dict[str, Contact]:
    """Customers of every kind, some of whom get nothing, whatever the audience."""
    book = here.sandbox.state.contacts
    for person in book.all():
        here.sandbox.state.delete_contact(person)
    made = {}
    for number, name in enumerate(PEOPLE):
        person = here.sandbox.phone(f"+62812345{number:05d}", name, "en" if name == "Emma" else "id")
        if name not in ("Emma", "Baru"):
            person = book.add_tags(person, ["vip", *{"Sari": ["reseller"], "Keluh": ["keluhan"]}.get(name, [])])
        if name in ("Budi", "Emma"):
            person = book.set_lifecycle(person, "Customer")
        if name in ("Sari", "Henti"):
            person = book.update(person, {"custom_fields": {"Notes": "Bandung"}})
        made[name] = book.update(person, {"country_code": "MY" if name == "Emma" else "ID"})
    return made


async def _lived(here: World, people: dict[str, Contact]) -> None:
    """They write; one opts out, one is blocked, one has a colleague; two go through a workflow."""
    for name in WROTE:
        here.sandbox.say(people[name], "stop" if name == "Henti" else "halo")
    for name in WROTE:
        await here.texts(people[name])
    here.sandbox.state.block(people["Blokir"])
    here.sandbox.assign(people["Bantu"], 1)
    await until(lambda: rows(here, "SELECT 1 FROM contact WHERE paused_at IS NOT NULL"), here)
    for name in ("Sari", "Budi"):
        await call(here, "welcome", {"id": name, "contact": str(people[name].id)})
    await until(lambda: ended(here, 2), here)
    await here.settled()


def _received(here: World, people: dict[str, Contact], before: int) -> list[tuple[str, str]]:
    """Who got what kind of message since."""
    names = {person.id: name for name, person in people.items()}
    return [(names[message.contact], str(message.content["type"])) for message in here.sandbox.sent()[before:]]


async def test_what_the_dry_run_counts_is_sent_and_listed_for_each_audience(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[WELCOME]) as here:
        here.config["server"] = server(here)
        people = await _made(here)
        await here.start()
        await _lived(here, people)
        campaign, wrong = Campaign(here), []
        bearer = {"Authorization": f"Bearer {API}"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=bearer, timeout=60) as api:
            for number, (name, (audience, meant)) in enumerate(AUDIENCES.items()):
                try:
                    await _sent_as_counted(
                        here, people, campaign, api, name, audience, meant, by_command=number % 2 == 0
                    )
                except AssertionError as error:
                    wrong.append(f"{name}: {error}")
        assert not wrong, "\n\n".join(wrong)


async def _sent_as_counted(
    here: World,
    people: dict[str, Contact],
    campaign: Campaign,
    api: httpx.AsyncClient,
    name: str,
    audience: dict[str, Any],
    meant: set[str],
    *,
    by_command: bool,
) -> None:
    campaign.write(
        [], name=name, audience=audience, text="Promo untuk {contact.first_name}. Balas STOP untuk berhenti."
    )
    lines = [f"{people[who].phone},{who}" for who in sorted(meant)]
    campaign.csv("\n".join(["phone,first_name", *lines, *lines[:1]]) + "\n")  # the first one twice
    body = await _as_request(campaign)
    by_api = (await api.post("/broadcasts", params={"dry_run": "true"}, **body)).json()
    code, printed = await campaign.run("--dry-run", "--json")
    assert code == 0, printed
    counted = json.loads(printed)
    for key in ("audience", "to_send", "texts", "templates", "skipped", "never_wrote"):
        assert counted[key] == by_api[key], key
    reached = {who for who in meant if who not in REFUSED}
    reasons = Counter(REFUSED[who] for who in meant if who in REFUSED)
    assert counted["audience"] == len(meant) + ("csv" in audience)
    assert (counted["to_send"], counted["skipped"]) == (len(reached), dict(reasons))
    before = len(here.sandbox.sent())
    if by_command:
        await campaign.send()
    else:
        assert (await api.post("/broadcasts", **body)).json()["recorded"] == len(meant)
    report = await campaign.finished()
    got = _received(here, people, before)
    assert Counter(who for who, _ in got) == Counter(reached)
    assert Counter(kind for _, kind in got) == +Counter(text=counted["texts"], whatsapp_template=counted["templates"])
    listed = (await api.get(f"/broadcasts/{name}")).json()
    assert listed["counts"] == report["counts"]
    assert (listed["counts"]["sent"], listed["counts"]["skipped"]) == (len(reached), sum(reasons.values()))
    assert {each["reason"]: each["count"] for each in listed["reasons"]} == dict(reasons)


async def _as_request(campaign: Campaign) -> dict[str, Any]:
    if "csv" not in campaign.settings["audience"]:
        return {"json": campaign.settings}
    keys = {name: value for name, value in campaign.settings.items() if name != "audience"}
    content = await asyncio.to_thread((campaign.here.folder / "orang.csv").read_bytes)
    return {"data": {"broadcast": json.dumps(keys)}, "files": {"file": ("orang.csv", content)}}


async def test_who_loses_or_gains_a_tag_between_the_dry_run_and_the_sending(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.config["server"] = server(here)
        book, campaign = here.sandbox.state.contacts, Campaign(here)
        people = await _made(here)
        await here.start()
        audience = {"filter": {"any_tag": ["vip"], "no_tag": ["keluhan"]}}
        campaign.write([], audience=audience, rate="1/h")
        _, printed = await campaign.run("--dry-run", "--json")
        assert json.loads(printed)["to_send"] == 5
        book.add_tags(book.get(people["Baru"].id), ["vip"])
        book.remove_tags(book.get(people["Bantu"].id), ["vip"])
        await campaign.send()  # looks again: one more, one less; one goes out, the others wait for the rate
        await until(here.sandbox.sent, here)
        (first,) = here.sandbox.sent()
        lost = next(
            person for name, person in people.items() if name in ("Budi", "Henti") and person.id != first.contact
        )
        book.add_tags(book.get(lost.id), ["keluhan"])
        rows(here, "UPDATE broadcast SET settings = json_set(settings, '$.rate', '20/s'), next_at = created_at")
        report = await campaign.finished()
        names = {person.id: name for name, person in people.items()}
        assert {names[message.contact] for message in here.sandbox.sent()} == (
            {"Sari", "Budi", "Henti", "Blokir", "Baru"} - {names[lost.id]}
        )
        (skipped,) = report["reasons"]
        assert (skipped["reason"], skipped["count"]) == ("the filter does not find the contact any more", 1)


async def test_outside_its_hours_nothing_is_sent_whatever_the_audience(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.config["server"] = server(here)
        await _made(here)
        campaign = Campaign(here)
        await here.start()
        closed = _closed_now()
        campaign.write([], audience={"filter": {"any_tag": "vip"}}, between=closed)
        await campaign.send()
        await until(lambda: rows(here, "SELECT 1 FROM broadcast WHERE next_at > created_at + 1000000"), here)
        await here.settled()
        assert here.sandbox.sent() == []
        assert (await campaign.report())["counts"]["waiting"] == 6


def _closed_now() -> str:
    """Hours that begin in some hours: an hour of the day that is far from now, in the business's zone."""
    then = datetime.now(UTC).astimezone(ZoneInfo("Asia/Jakarta")) + timedelta(hours=6)
    return f"{then.hour:02d}:00-{then.hour:02d}:30"
