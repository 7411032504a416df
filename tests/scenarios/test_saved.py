"""What a saved conversation holds of what happened beside the customer's questions, and that it passes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agent.cli.frame import run as balas
from tests.scenarios.recorded import record
from tests.scenarios.test_cassette import serving, with_model
from tests.scenarios.test_clock import change
from tests.scenarios.test_replay import PHONE, knowing, replay

HEAD = f"contact: {{phone: '{PHONE}', first_name: Ratna, tags: [lama], custom_fields: {{city: Solo, secret: nenek, vip: true}}}}\n"
NOW = "now: 2026-11-27T10:00:00\n"
WORKFLOWS = """\
workflows:
  - {name: asked, on: {message.received: {matches: ^promo}}, do: [{tag: {add: [promo]}}, {lifecycle: Warm}]}
  - {name: solo, on: {tag.added: promo}, if: {field: {city: Solo}}, do: [{send: "Salam untuk warga {contact.custom.city}!"}]}
  - {name: order, on: webhook, token: hook-token-of-the-order, do: [{send: "Pesanan {event.id} kami terima, Kak {contact.first_name}."}]}
"""
ASK = "  - customer: jam berapa toko buka?\n"
ORDER = f"  - hook: {{order: {{id: KS-20001, phone: '{PHONE}'}}}}\n"


def saved(shop: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The conversation of the ledger as a scenario, which says everything and passes."""
    path = shop / "tests" / "saved.yaml"
    assert replay(shop, capsys, PHONE, "--save", str(path))[0] == 0
    text = path.read_text()
    assert "not kept" not in text, text
    assert "Ratna" not in text
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, f"{text}\n{capsys.readouterr().out}"
    found: dict[str, Any] = YAML(typ="safe").load(text)
    return found


def kinds(found: dict[str, Any]) -> list[str]:
    return [next(iter(turn)) for turn in found["turns"]]


@pytest.mark.parametrize(
    ("turns", "waits"),
    [
        (ASK + "  - wait: 50s\n" + ASK, 1),
        (ASK + "  - wait: 150s\n" + ASK, 1),
        (ASK + "  - wait: 20s\n" + ASK, 0),
        (ASK + "  - wait: 90s\n", 1),
        ("  - customer: bayar 50rb\n  - wait: 55s\n  - event: payment.paid\n" + ASK, 1),
    ],
    ids=["in a short pause", "in a long one", "not yet", "at the end", "before a payment"],
)
def test_a_reminder_is_kept_however_short_the_pause_is(
    shop: Path, capsys: pytest.CaptureFixture[str], turns: str, waits: int
) -> None:
    change(shop, "after: 90m", "after: 30s")
    record(shop, f"{HEAD}{NOW}turns:\n{turns}")
    found = saved(shop, capsys)
    told = [turn for turn in found["turns"] if "wait" in turn]
    assert len(told) == waits, found
    assert all({"replies": 1} in turn["expect"] for turn in told)
    assert "history" not in kinds(found), "the reminder comes of itself"


@pytest.mark.parametrize("number", [1, 2])
def test_the_payment_that_was_paid_is_the_one_that_is_paid_again(
    shop: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    amount = {1: 50_000, 2: 75_000}[number]
    turns = f"  - customer: bayar 50rb\n  - customer: bayar 75rb\n  - event: {{payment.paid: {{amount: {amount}}}}}\n"
    record(shop, f"{HEAD}{NOW}turns:\n{turns}{ASK}")
    found = saved(shop, capsys)
    (event,) = [turn for turn in found["turns"] if "event" in turn]
    assert event["event"] == ("payment.paid" if number == 2 else {"payment.paid": {"number": 1}})
    figure = f"Rp{amount // 1000}.000"
    assert any(figure in text for each in event["expect"] for text in each.get("reply", {}).get("contains", ())), event


def test_a_payment_that_is_paid_late_is_paid_late_again(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(
        shop,
        f"{HEAD}{NOW}turns:\n  - customer: bayar 50rb\n  - wait: 20m\n  - event: {{payment.paid: {{number: 1}}}}\n{ASK}",
    )
    found = saved(shop, capsys)
    assert kinds(found) == ["customer", "wait", "event", "customer"]


def test_a_contact_begins_as_they_began(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    played = record(shop, f"{HEAD}{NOW}turns:\n  - customer: promo apa hari ini?\n{ASK}")
    assert "Salam untuk warga Solo!" in "".join(each.text for each in played.happened)
    found = saved(shop, capsys)
    assert found["contact"]["custom_fields"] == {"city": "Solo"}, "only what agent.yaml speaks of"
    assert found["contact"]["tags"] == ["lama"], "and not what a workflow has added"
    assert "lifecycle" not in found["contact"]
    assert "history" not in kinds(found), "the workflow sends again"


@pytest.mark.parametrize("model", ["offline", "language model"])
def test_what_was_sent_from_elsewhere_is_in_the_history(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None], model: str
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    (shop / "promo.yaml").write_text(
        "name: promo\naudience: {csv: people.csv}\ntemplate: {name: sapaan, language: id, parameters: [Kopi Rp9.000]}\n"
        "channel: '1'\nbetween: 00:00-24:00\nrate: 60/min\n"
    )
    (shop / "people.csv").write_text(f"phone,first_name\n{PHONE},Ratna\n")
    before = "  - history: [{customer: ada promo?}, {agent: Ada Kak Ratna.}, {colleague: Saya kirim nanti.}]\n"
    turns = (
        before
        + ASK
        + ORDER
        + ASK
        + "  - broadcast: ../promo.yaml\n  - wait: 5m\n"
        + "  - customer: yang Rp9.000 apa?\n"
    )
    if model == "offline":
        record(shop, f"{HEAD}{NOW}turns:\n{turns}")
    else:
        with serving(knowing) as server:
            with_model(shop, server.url)
            record(shop, f"{HEAD}{NOW}turns:\n{turns}", live=True)
        clear_clients()
    found = saved(shop, capsys)
    lines = [line for turn in found["turns"] for line in turn.get("history", ())]
    assert lines[:3] == [{"customer": "ada promo?"}, {"agent": "Ada Kak Budi."}, {"colleague": "Saya kirim nanti."}]
    assert [next(iter(line.values())) for line in lines[3:]] == [
        "Pesanan KS-20001 kami terima, Kak Budi.",
        "[sapaan] Kopi Rp9.000",
    ]
    assert kinds(found) == ["history", "customer", "history", "customer", "wait", "history", "customer"]
