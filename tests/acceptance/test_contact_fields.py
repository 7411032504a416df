"""What customers tell reaches the platform's contact in the right format, and what stands there reaches actions and answers."""

from pathlib import Path
from typing import Any

import httpx

from messaging.sandbox.records import Contact
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world

QUICK = {"finished": "0s", "unfinished": "0s", "longest": "0s"}
UPDATE = {"builtin": "update_contact", "fields": ["email", "Birthday", "member", "Loyalty Points", "Alamat"]}


def _saves(**fields: Any) -> Any:
    """A model that saves these fields in its first call, and then says what came of it."""

    def answer(asked: Asked) -> Answer:
        if asked.results:
            return asked.results[-1]
        changes = [{"field": name.replace("_", " "), "value": value} for name, value in fields.items()]
        return {"call": "update_contact", "arguments": {"changes": changes}}

    return answer


async def _ask(here: World, text: str, count: int = 1) -> tuple[Contact, str]:
    budi = here.sandbox.phone("+6281234567802")
    here.sandbox.say(budi, text)
    reply = (await here.texts(budi, count=count))[-1]
    await here.settled(0.7)
    return here.sandbox.phone("+6281234567802"), reply


async def test_fields_arrive_on_the_platform_in_the_format_of_their_type(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[UPDATE]) as here:
        here.model.answer = _saves(email="budi@contoh.id", Birthday="1990-03-12", Loyalty_Points=120, member=True)
        await here.start()
        budi, reply = await _ask(here, "email budi@contoh.id, lahir 12 maret 1990, poin saya 120, saya member")
        assert reply.startswith("Will be saved")
        assert budi.email == "budi@contoh.id"
        assert {"Birthday": "1990-03-12", "Loyalty Points": 120, "Member": True}.items() <= budi.custom_fields.items()
        await here.stop()


async def test_a_value_that_does_not_fit_is_refused_before_and_the_model_told_what_would(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[UPDATE]) as here:
        told: list[str] = []

        def answer(asked: Asked) -> Answer:
            told.extend(asked.results)
            return "Tanggal berapa ulang tahunnya, Kak?" if asked.results else _saves(Birthday="hari minggu")(asked)

        here.model.answer = answer
        await here.start()
        budi, reply = await _ask(here, "ulang tahunku hari minggu")
        assert "'Birthday' is a date field and cannot hold 'hari minggu'; write e.g. 2026-11-21" in told[0]
        assert reply == "Tanggal berapa ulang tahunnya, Kak?"
        assert budi.custom_fields.get("Birthday") is None
        await here.stop()


async def test_a_field_that_the_platform_does_not_have_is_the_owners_to_put_right(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[UPDATE]) as here:
        here.model.answer = _saves(Alamat="Jl. Braga 1")
        await here.start()
        _, reply = await _ask(here, "alamat Jl. Braga 1")
        assert "no contact field 'Alamat'" in reply
        assert any("contact_field_unknown" in line and '"error"' in line for line in here.log)
        checked = (await here.command("check", "--online", code=3)).splitlines()
        assert any("contact fields" in line and "FAILED" in line and "'Alamat'" in line for line in checked)
        await here.stop()


async def test_a_custom_field_that_only_the_platform_knows_reaches_the_prompt_and_follows_its_changes(
    tmp_path: Path,
) -> None:
    told = "Kamu Melati. Minuman kesukaan: {contact.custom.Favourite Drink|belum tahu}. Poin {contact.custom.Loyalty Points}."
    async with world(tmp_path, conversation={"quiet_window": QUICK}, instructions=told, actions=[UPDATE]) as here:
        await here.start()
        await _ask(here, "halo?")
        assert "Minuman kesukaan: belum tahu." in here.model.asked[-1].system
        here.model.answer = _saves(Loyalty_Points=7)
        await _ask(here, "poin saya 7", count=2)
        here.model.answer = lambda asked: "ya"
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {here.sandbox.token}"}) as client:
            body = {"custom_fields": [{"name": "Favourite Drink", "value": "Americano"}]}
            path = f"{here.sandbox.api_url}/contact/phone:%2B6281234567802"
            assert (await client.put(path, json=body)).status_code == 200
        await here.settled(0.5)
        await _ask(here, "dan sekarang?", count=3)
        assert "Minuman kesukaan: Americano. Poin 7." in here.model.asked[-1].system
        await here.stop()


async def test_a_change_that_the_platform_refuses_does_not_stay_in_the_ledger(tmp_path: Path) -> None:
    told = "Kamu Melati. Tahap: {contact.lifecycle|belum ada}."
    lifecycle = {"builtin": "lifecycle", "stages": ["Emas"]}
    async with world(tmp_path, conversation={"quiet_window": QUICK}, instructions=told, actions=[lifecycle]) as here:
        here.model.answer = lambda asked: (
            "ya" if asked.results else {"call": "lifecycle", "arguments": {"stage": "Emas"}}
        )
        await here.start()
        await _ask(here, "naikkan ya")
        assert any("delivery_failed" in line for line in here.log)
        here.model.answer = lambda asked: "ya"
        await _ask(here, "sudah?", count=2)
        assert "Tahap: belum ada." in here.model.asked[-1].system
        await here.stop()


CREATE = {"builtin": "create_contact", "fields": ["Birthday", "Notes"]}


def _writes_down(**arguments: Any) -> Any:
    def answer(asked: Asked) -> Answer:
        return asked.results[-1] if asked.results else {"call": "create_contact", "arguments": arguments}

    return answer


async def test_somebody_else_is_written_down_in_the_platforms_formats(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[CREATE]) as here:
        here.model.answer = _writes_down(
            first_name="Sari", phone="081234567899", changes=[{"field": "Birthday", "value": "1990-03-12"}]
        )
        await here.start()
        _, reply = await _ask(here, "tolong catat teman saya Sari, 081234567899, lahir 12 maret 1990")
        assert reply.startswith("Sari will be saved")
        (sari,) = [each for each in here.sandbox.state.contacts.all() if each.phone == "+6281234567899"]
        assert (sari.first_name, sari.custom_fields["Birthday"]) == ("Sari", "1990-03-12")
        assert here.sandbox.sent(sari) == []
        await here.stop()


async def test_nobody_is_written_down_whom_the_customer_did_not_name(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[CREATE]) as here:
        await here.start()
        for number, (arguments, words) in enumerate(
            (
                ({"first_name": "Sari", "phone": "081299999999"}, "catat teman saya Sari ya"),
                ({"first_name": "Rina"}, "catat teman saya Rina ya"),
                ({"first_name": "Budi", "phone": "+6281234567802"}, "catat saya Budi, +6281234567802"),
            ),
            1,
        ):
            here.model.answer = _writes_down(**arguments)
            _, reply = await _ask(here, words, count=number)
            assert "will be saved" not in reply
        phones = [each.phone for each in here.sandbox.state.contacts.all()]
        assert "+6281299999999" not in phones
        await here.stop()


async def test_who_is_a_contact_already_keeps_what_stands_there(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=[CREATE]) as here:
        sari = here.sandbox.phone("+6281234567899", "Sari Dewi")
        here.model.answer = _writes_down(first_name="Penipu", phone="081234567899")
        await here.start()
        await _ask(here, "catat Penipu 081234567899")
        assert here.sandbox.phone("+6281234567899").first_name == sari.first_name == "Sari Dewi"
        await here.stop()
