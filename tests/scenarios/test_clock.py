"""`wait:` moves the clock of everything that depends on time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.test_run import run

Write = Callable[..., Path]

WORKFLOWS = """\
workflows:
  - name: remind
    on: conversation.opened
    do: [{wait: 2h}, {tag: {add: [reminded]}}, {send: Masih ada yang bisa kami bantu?}]
  - name: patient
    on: {tag.added: asked}
    do: [{wait: 5h, until: replied}, {send: Kami tunggu kabarnya ya.}]
  - name: morning
    on: {schedule: "0 9 * * mon-fri"}
    for: {filter: {any_tag: [daily]}}
    do: [{send: "Selamat pagi {contact.first_name|Kak}!"}]
  - name: told
    on: {tag.added: crm}
    do: [{post: {url: "https://crm.example/hook", json: {tag: "{event.tag}", phone: "{contact.phone}"}}}]
  - name: receipt
    on: payment.paid
    do: [{send: "Terima kasih, Rp{event.amount} sudah kami terima."}]
  - name: again
    on: payment.expired
    do: [{tag: {add: [unpaid]}}]
"""

HELLO = "  - {customer: jam berapa toko buka?}\n"


@pytest.fixture
def automated(shop: Path) -> Path:
    """The shop with workflows."""
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    return shop


def change(shop: Path, old: str, new: str) -> None:
    """Change the shop's agent.yaml."""
    agent = shop / "agent.yaml"
    text = agent.read_text()
    assert old in text
    agent.write_text(text.replace(old, new))


TURNS = {
    "a workflow goes on at its time": (
        "  - {event: conversation.opened, expect: {silent: true}}\n"
        "  - {wait: 119m, expect: [{not_tag: reminded}, {reply: {not_contains: Masih}}]}\n"
        "  - {wait: 2m, expect: [{reply: Masih ada}, {tag: reminded}, {note: 'tags added: reminded'}]}\n"
    ),
    "a workflow that waits for a reply goes on without one": (
        "  - {event: {tag.added: asked}}\n"
        "  - {wait: 4h, expect: {reply: {not_contains: Kami tunggu}}}\n"
        "  - {wait: 2h, expect: {reply: Kami tunggu}}\n"
    ),
    "a reply ends a workflow that waits for one": (
        "  - {event: {tag.added: asked}}\n  - {wait: 1h}\n" + HELLO + "  - {wait: 1h, expect: {silent: true}}\n"
        "  - {wait: 10h, expect: {reply: {not_contains: Kami tunggu}}}\n"
    ),
    "the window closes": (
        "  - {wait: 23h}\n  - {event: {tag.added: asked}}\n  - {wait: 20h, expect: {silent: true}}\n"
    ),
    "a payment expires at its time, and workflows begin with it": (
        "  - {customer: bayar 50rb, expect: {payment: {state: open}}}\n"
        "  - {wait: 14m, expect: [{payment: {state: open}}, {not_tag: unpaid}]}\n"
        "  - {wait: 2m, expect: [{payment: {state: expired}}, {tag: unpaid}]}\n"
    ),
    "a payment that was paid does not expire": (
        "  - {customer: bayar 50rb}\n"
        "  - {event: payment.paid, expect: [{payment: {state: paid}}, {reply: 'Rp50000 sudah kami terima'}]}\n"
        "  - {wait: 1h, expect: {not_tag: unpaid}}\n"
    ),
    "time passes until a payment expires": (
        "  - {customer: bayar 50rb}\n  - {event: payment.expired, expect: [{payment: {state: expired}}, {tag: unpaid}]}\n"
    ),
    "another system that fails is told again": (
        "  - receivers: {fail: 503, times: 2}\n"
        "  - {event: {tag.added: crm}, expect: {silent: true}}\n"
        "  - {wait: 1h, expect: {posted: {'https://crm.example/hook': {tag: crm, phone: '+6281234567890'}}}}\n"
    ),
    "what was asked before an effect is not asked for ever": (
        "  - {customer: batalkan pesanan KS-10234, expect: {reply: 'Batalkan pesanan KS-10234?'}}\n"
        "  - {wait: 23h}\n  - {customer: ya, expect: {not_called: cancel_order}}\n"
    ),
    "a colleague's word keeps the agent silent for its time": (
        "  - {colleague: saya bantu ya}\n"
        "  - {customer: jam berapa toko buka?, expect: {silent: true}}\n"
        "  - {wait: 2h}\n"
        "  - {customer: jam berapa toko buka?, expect: {reply: '07.00'}}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TURNS)
def test_time_passes(automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str], name: str) -> None:
    scenario("now: 2026-11-30T10:00:00\nactions: {cancel_order: {return: {}}}\nturns:\n" + HELLO + TURNS[name])
    code, out = run(automated, capsys)
    assert code == 0, out


def test_a_schedule_comes_on_its_days(automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    scenario(
        "now: 2026-11-26T15:00:00\n"  # a Thursday
        "contact: {first_name: Tirta, tags: [daily]}\n"
        "turns:\n" + HELLO + "  - {wait: 17h}\n"
        "  - {wait: 2h, expect: {reply: 'Selamat pagi Tirta!'}}\n" + HELLO + "  - {wait: 21h}\n"
        "  - {wait: 1h, expect: {silent: true}}\n"
        "  - {wait: 47h, expect: {silent: true}}\n"
    )
    code, out = run(automated, capsys)
    assert code == 0, out


def test_opening_hours_come(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    change(shop, "conversation:\n", 'conversation:\n  hours: {mon-sun: "08:00-20:00", outside: Kami sedang tutup.}\n')
    scenario(
        "now: 2026-11-30T19:00:00\n"
        "turns:\n"
        "  - {customer: jam berapa toko buka?, expect: {reply: '07.00'}}\n"
        "  - {wait: 90m, expect: {silent: true}}\n"  # the reminder waits for the morning
        "  - {customer: jam berapa toko buka?, expect: {reply: sedang tutup}}\n"
        "  - {wait: 12h}\n"
        "  - {customer: jam berapa toko buka?, expect: {reply: '07.00'}}\n"
    )
    code, out = run(shop, capsys)
    assert code == 0, out


def test_a_document_is_valid_until_its_day(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    change(shop, "{path: jam.md}", "{path: jam.md, expires: 2026-12-24}")
    scenario(
        "now: 2026-12-24T23:00:00\n"
        "turns:\n"
        "  - {customer: jam berapa toko buka?, expect: [{reply: '07.00'}, {passage: jam.md}]}\n"
        "  - {wait: 2h}\n"  # 25 December in Jakarta, the day before in UTC
        "  - {customer: jam berapa toko buka?, expect: [{reply: {not_contains: '07.00'}}, {not_passage: jam.md}]}\n"
    )
    code, out = run(shop, capsys)
    assert code == 0, out


PROMO = """\
name: promo
at: 2026-11-30 12:00
between: "08:00-20:00"
audience: {csv: customers.csv}
text: {id: "Hai {contact.first_name}, kopi susu diskon hari ini."}
rate: 1/min
"""


def test_a_broadcast_begins_at_its_time_and_keeps_its_hours_and_its_rate(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    others = "".join(f"+6281399990{number:03},Ani\n" for number in range(30))
    (shop / "promo.yaml").write_text(PROMO)
    (shop / "late.yaml").write_text(PROMO.replace("12:00\n", "19:59\n").replace("name: promo", "name: late"))
    (shop / "customers.csv").write_text(f"phone,first_name\n{others}+6281234567890,Budi\n")
    scenario(
        "contact: {first_name: Budi}\nnow: 2026-11-30T11:00:00\n"
        "turns:\n" + HELLO + "  - {broadcast: ../promo.yaml, expect: {silent: true}}\n"
        "  - {wait: 60m, expect: {silent: true}}\n"
        "  - {wait: 29m, expect: {reply: {not_contains: diskon}}}\n"
        "  - {wait: 5m, expect: {reply: 'Hai Budi, kopi susu diskon'}}\n"
        "  - {broadcast: ../late.yaml, expect: {silent: true}}\n"
        "  - {wait: 16h, expect: {reply: {not_contains: diskon}}}\n"
        "  - {wait: 10h, expect: {reply: 'Hai Budi, kopi susu diskon'}}\n",
    )
    code, out = run(shop, capsys)
    assert code == 0, out
