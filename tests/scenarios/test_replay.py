import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from PIL import Image
from ruamel.yaml import YAML

from agent.assembly import open_agent
from agent.cli.frame import run as balas
from agent.config import load
from agent.scenarios.format import schema
from agent.scenarios.save import figures_of
from agent.terminal import TerminalPlatform
from messaging.types import Channel, Contact, ContactKey, InboundMessage
from settings.clock import now
from tests.acceptance.stub_model import Asked as Question
from tests.scenarios.recorded import record
from tests.scenarios.test_cassette import melati, serving, with_model
from tests.scenarios.test_clock import WORKFLOWS

PHONE, OTHER = "+6281311112222", "+6281333334444"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(json.dumps(schema())))
QUESTIONS = (
    "jam berapa toko buka?",
    "harga kopi susu senja berapa?",
    "bayar 50rb",
    "saya Ratna, email ratna@toko.co.id",
)


async def talk(shop: Path, texts: Sequence[str], phone: str = PHONE) -> None:
    """A customer talks to the shop's agent; its own ledger keeps it."""
    platform = TerminalPlatform()
    contact = Contact(ContactKey("terminal", phone.removeprefix("+")), "Ratna", phone=phone)
    async with open_agent(load(shop), platform=platform) as agent:
        platform.greet(contact)
        await agent.start()
        try:
            await agent.learn()
            for number, text in enumerate(texts):
                message = InboundMessage(contact, f"{phone}-{number}", now(), text, (), Channel("1", "whatsapp"))
                await agent.accept([message], platform.name)
                await agent.idle(timedelta(seconds=10))
        finally:
            await agent.stop()


def replay(shop: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """`balas replay`: exit code and standard output."""
    code = balas(["replay", "-c", str(shop / "agent.yaml"), *words])
    return code, capsys.readouterr().out


def test_the_same_configuration_shows_no_difference_and_a_changed_document_the_right_one(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(talk(shop, QUESTIONS))
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "4 turns, no difference"), out
    turn = replay(shop, capsys, PHONE, "--json")[1]
    code, out = replay(shop, capsys, PHONE, "--turn", json.loads(turn)["conversations"][0]["turns"][1]["turn"])
    assert (code, out.splitlines()[-1]) == (0, "1 turns, no difference")
    hours = shop / "jam.md"
    hours.write_text(hours.read_text().replace("07.00", "09.30"))
    code, out = replay(shop, capsys, PHONE, "--json")
    assert code == 0
    turns = json.loads(out)["conversations"][0]["turns"]
    assert ["text" in turn["differences"] for turn in turns] == [True, False, False, False]
    assert "07.00" in turns[0]["differences"]["text"]["then"]
    assert "09.30" in turns[0]["differences"]["text"]["now"]
    assert "09.30" in turns[0]["differences"]["passages"]["now"]


def test_the_last_conversations_are_replayed_together(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for phone in (PHONE, OTHER):
        asyncio.run(talk(shop, QUESTIONS[:1], phone))
    code, out = replay(shop, capsys, "--last", "100")
    assert code == 0
    assert out.splitlines()[-1] == "2 turns, no difference"


def test_what_is_not_there_is_an_error(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(talk(shop, QUESTIONS[:1]))
    assert replay(shop, capsys, "+6281200000000")[0] == 1
    assert replay(shop, capsys, PHONE, "--turn", "nothing")[0] == 1
    assert replay(shop, capsys)[0] == 2
    assert replay(shop, capsys, PHONE, "--last", "2")[0] == 2


def test_a_saved_conversation_is_a_scenario_without_personal_data(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(talk(shop, QUESTIONS))
    path = shop / "tests" / "saved.yaml"
    code, out = replay(shop, capsys, PHONE, "--save", str(path))
    assert code == 0, out
    text = path.read_text()
    for private in (PHONE, PHONE.removeprefix("+"), "Ratna", "ratna@toko.co.id"):
        assert private not in text
    assert "saya Budi, email customer1@example.com" in text
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("reference", ["QR-MM275UWZ", "QR-27512345", "QR-275GUWZM", "QR-M2752754"])
def test_a_saved_scenario_does_not_expect_the_reference_of_a_payment_again(reference: str) -> None:
    said = f"Pembayaran Rp50.000\nReferensi: {reference}\nPesanan KS-10234, jam 07.00"
    assert figures_of(said) == ["Rp50.000", "KS-10234", "07.00"]


def test_with_a_language_model_the_recorded_answers_count_until_it_is_asked_something_else(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None]
) -> None:
    with serving(melati) as model:
        agent = with_model(shop, model.url)
        asyncio.run(talk(shop, ("harga kopi susu senja berapa?", "bayar 50rb")))
        asked = len(model.asked)
    clear_clients()
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "2 turns, no difference"), out
    assert len(model.asked) == asked
    path = shop / "tests" / "saved.yaml"
    assert replay(shop, capsys, PHONE, "--save", str(path))[0] == 0
    assert PHONE not in path.with_name("saved.cassette.yaml").read_text()
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, capsys.readouterr().out
    agent.write_text(agent.read_text().replace("asisten Kopi Senja.", "asisten Kopi Pagi."))
    code, out = replay(shop, capsys, PHONE)
    assert "the instructions have changed" in out
    assert "2 turns, 2 different" in out


HELLO = "  - customer: jam berapa toko buka?\n"
KINDS = {
    "a burst": "  - customer: [halo, mau tanya, jam berapa toko buka?]\n  - customer: harga americano?\n",
    "a yes before an effect": "  - customer: batalkan pesanan KS-10234\n  - customer: ya\n  - customer: terima kasih\n",
    "a no before an effect": "  - customer: batalkan pesanan KS-10234\n  - customer: tidak jadi\n",
    "a handover and its end": (
        "  - customer: saya mau bicara dengan manusia\n  - customer: halo?\n  - colleague: saya bantu ya\n"
        "  - customer: terima kasih\n  - wait: 3h\n" + HELLO
    ),
    "an assignment, which leaves no message": (
        HELLO + "  - event: {assigned: budi@example.com}\n  - customer: harga americano?\n  - event: unassigned\n" + HELLO
    ),
    "a reminder": HELLO + "  - wait: 3h\n  - customer: harga americano?\n",
    "payments that expire and are paid": (
        "  - customer: bayar 50rb\n  - wait: 20m\n  - customer: bayar 50rb\n  - event: payment.paid\n  - customer: sudah masuk?\n"
    ),
    "voice notes": "  - customer: {voice: notes/harga.ogg, text: jam berapa toko buka?}\n  - customer: harga americano?\n",
    "a picture": "  - customer: {image: notes/a.png, text: ini apa?}\n  - customer: {image: notes/a.png}\n",
    "a place": "  - customer: {location: [-6.2, 106.8]}\n" + HELLO,
    "an action": "  - customer: pesanan KS-10234 sudah sampai mana?\n  - customer: kalau pesanan KS-10234 kurirnya apa?\n",
    "sends that fail": (
        "  - platform: {fail: 429, retry_after: 2s}\n" + HELLO + "  - platform: {fail: lost}\n  - customer: harga americano?\n"
        "  - platform: {fail: 400}\n  - customer: harga kopi susu senja?\n"
    ),
    "workflows": (
        "  - event: contact.created\n" + HELLO + "  - event: {tag.added: asked}\n  - wait: 6h\n  - customer: harga americano?\n"
        "  - event: conversation.opened\n  - wait: 3h\n" + HELLO
    ),
    "opting out": HELLO + "  - customer: STOP\n  - customer: harga americano?\n",
    "an assignment before the first message": (
        "  - event: {assigned: budi@example.com}\n  - customer: harga americano?\n  - event: unassigned\n" + HELLO
    ),
    "a handover that is given back": "  - customer: saya mau bicara dengan manusia\n  - event: unassigned\n" + HELLO,
    "a text that looks like a variable": "  - customer: 'jam berapa toko buka? $${HOME} $$${x}'\n",
    "a document": "  - customer: {file: 'data:text/plain,50% buka, Ratna: jam 7%0Abaris dua'}\n" + HELLO,
}  # fmt: skip
SAVED_WITH = {
    "an assignment, which leaves no message": "event: unassigned",
    "an assignment before the first message": "assigned: colleague@example.com",
    "a handover that is given back": "event: unassigned",
    "voice notes": "voice: data:audio/ogg,",
    "a picture": "image: data:image/png;base64,",
    "a document": "data:text/plain,50%25 buka, Budi: jam 7%0Abaris dua",
    "a place": "location:",
}
"""What a saved conversation holds of its kind."""


@pytest.mark.parametrize("name", KINDS)
def test_a_conversation_of_any_kind_shows_no_difference_on_the_same_configuration_and_is_saved_as_a_scenario(
    shop: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    Image.new("RGB", (40, 40), "red").save(shop / "tests" / "notes" / "a.png")
    answers = "{get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}, cancel_order: {return: {}}}"
    says = f"  - customer: 'saya Ratna, hp {PHONE}, email ratna@toko.co.id'\n"
    contact = f"contact: {{phone: '{PHONE}', first_name: Ratna}}"
    record(shop, f"{contact}\nnow: 2026-11-27T10:00:00\nactions: {answers}\nturns:\n{says}{KINDS[name]}")
    code, out = replay(shop, capsys, "--last", "5")
    assert code == 0
    assert out.splitlines()[-1].endswith("turns, no difference"), out  # so every turn that is kept is known to be
    path = shop / "tests" / "saved.yaml"
    assert replay(shop, capsys, PHONE, "--save", str(path))[0] == 0
    assert not re.search("ratna|81311112222", path.read_text(), re.IGNORECASE)
    assert ("event: payment.paid" in path.read_text()) == (name == "payments that expire and are paid")
    assert "not kept" not in path.read_text()
    assert SAVED_WITH.get(name, "") in re.sub(r"\s+", " ", path.read_text())
    VALIDATOR.validate(YAML(typ="safe").load(path.read_text()))
    code = balas(["test", "-c", str(agent), str(path)])
    assert code == 0, capsys.readouterr().out


def test_a_reminder_that_was_not_sent_before_a_yes_does_not_come_between_it_and_its_question(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    says = "  - customer: batalkan pesanan KS-10234\n  - wait: 10s\n  - customer: ya\n"
    contact = f"contact: {{phone: '{PHONE}'}}\nactions: {{cancel_order: {{return: {{}}}}}}"
    record(shop, f"{contact}\nnow: 2026-11-27T10:00:00\nturns:\n{says}")
    agent.write_text(agent.read_text().replace("after: 90m", "after: 3s"))
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "2 turns, no difference"), out
    path = shop / "tests" / "saved.yaml"
    assert replay(shop, capsys, PHONE, "--save", str(path))[0] == 0
    assert "not kept" not in path.read_text()
    assert "cancel_order: {}" in path.read_text()
    code = balas(["test", "-c", str(agent), str(path)])
    assert code == 0, capsys.readouterr().out


def chatty(asked: Question) -> object:
    if "Summarise" in asked.system or "summary" in asked.system.casefold():
        return "Pelanggan bertanya tentang kopi."
    return f"Baik Kak, soal {asked.question.splitlines()[-1][:40]} kami catat."


def test_a_long_conversation_with_a_language_model_shows_no_difference_until_the_model_is_another(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None]
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text().replace("conversation:\n", "conversation:\n  history: 6\n"))
    turns = "".join(f"  - customer: cerita ke-{number} tentang kopi\n" for number in range(9))
    with serving(chatty) as model:
        with_model(shop, model.url)
        record(shop, f"contact: {{first_name: Ratna}}\nnow: 2026-11-27T10:00:00\nturns:\n{turns}", live=True)
        asked = len(model.asked)
        assert asked > 9, "no summary was written"
    clear_clients()
    code, out = replay(shop, capsys, "--last", "1")
    assert (code, out.splitlines()[-1]) == (0, "9 turns, no difference"), out
    agent.write_text(agent.read_text().replace("name: stub", "name: stub-2"))
    code, out = replay(shop, capsys, "--last", "1")
    assert "another model is asked: stub-2 instead of stub" in out
    assert out.splitlines()[-1] == "9 turns, 9 different"


def knowing(asked: Question) -> object:
    """A model that calls what it is asked for, and repeats what was answered."""
    last = (asked.question.splitlines() or [""])[-1]
    if "<runtime>" in asked.question:  # something about the answer before was wrong
        return "Baik, Kak."
    if asked.results:
        return f"Hasilnya: {asked.results[-1][:80]}"
    calls = {
        "bayar": ("send_qris", {"amount": 50000}),
        "batalkan": ("cancel_order", {"order_id": "KS-10234"}),
        "manusia": ("hand_over", {"reason": "diminta"}),
        "KS-10234": ("get_order", {"order_id": "KS-10234"}),
    }
    for word, (name, arguments) in calls.items():
        if word in last:
            return {"call": name, "arguments": arguments}
    return f"Jawaban untuk {last[:30]}"


TALK = (
    "  - customer: [halo, mau tanya]\n"
    "  - customer: pesanan KS-10234 sudah sampai mana?\n"
    "  - customer: batalkan pesanan KS-10234\n  - customer: ya\n"
    "  - customer: bayar 50rb\n  - wait: 20m\n  - customer: bayar 50rb\n  - event: payment.paid\n"
    "  - customer: {voice: notes/harga.ogg, text: jam berapa toko buka?}\n"
    "  - customer: {image: notes/a.png, text: ini apa?}\n  - customer: {file: notes/a.txt}\n"
    "  - event: {contact.updated: {first_name: Rina}}\n  - customer: halo lagi\n  - wait: 3h\n"
    "  - event: conversation.closed\n  - wait: 1h\n  - customer: halo\n"
    "  - customer: saya mau bicara dengan manusia\n  - customer: halo?\n  - colleague: saya bantu ya\n  - wait: 3h\n"
    "  - customer: terima kasih\n"
)


@pytest.mark.parametrize("place", ["channel: whatsapp", "platform: tele, channel: telegram"])
def test_a_conversation_of_many_kinds_with_a_language_model_shows_no_difference(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None], place: str
) -> None:
    Image.new("RGB", (40, 40), "red").save(shop / "tests" / "notes" / "a.png")
    (shop / "tests" / "notes" / "a.txt").write_text("Kopi susu tiga gelas.")
    two = (
        "messaging:\n  - {platform: aelyst, webhook_secret: none, name: utama}\n"
        "  - {platform: telegram, token: '1:abc', webhook_secret: rahasia-panjang-sekali, name: tele}"
    )
    answers = (
        "{get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}, cancel_order: {return: {status: batal}}}"
    )
    with serving(knowing) as model:
        with_model(shop, model.url, **{"messaging: {platform: aelyst, webhook_secret: none}": two})
        head = f"contact: {{first_name: Sari, {place}}}\nnow: 2026-11-27T10:00:00\nactions: {answers}\n"
        record(shop, f"{head}turns:\n{TALK}", live=True)
    clear_clients()
    code, out = replay(shop, capsys, "--last", "1")
    assert code == 0
    assert out.splitlines()[-1].endswith("turns, no difference"), out
