"""Each kind of expectation that does not hold names its file, line, turn, key and difference; the right one beside it holds."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.cli.frame import run as balas
from tests.scenarios.conftest import make_shop
from tests.scenarios.test_clock import PROMO, WORKFLOWS


@dataclass(frozen=True, slots=True)
class Case:
    """Turns before, the turn that is judged, an expectation that holds, one that does not, and what must be named of that."""

    before: str
    turn: str
    right: str
    wrong: str
    key: str
    found: str
    head: str = ""

    def text(self, expectation: str) -> str:
        """The scenario; the line of the expectation stands alone."""
        head = f"contact: {{first_name: Budi}}\nnow: 2026-11-30T10:00:00\n{self.head}"
        if not self.turn:
            return f"{head}turns:\n{self.before}expect:\n  - {expectation}\n"
        return f"{head}turns:\n{self.before}  - {self.turn}\n    expect:\n      - {expectation}\n"

    @property
    def number(self) -> int | None:
        """Of the turn, from 1; `None` for the whole conversation."""
        return self.before.count("\n") + 1 if self.turn else None


ASK = "  - customer: jam berapa toko buka?\n"
ORDERS = "actions: {get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}, cancel_order: {return: {status: batal}}}\n"
CRM = "https://crm.example/hook"
CASES = {
    "wait, a tag": Case(
        ASK + "  - event: conversation.opened\n",
        "wait: 121m",
        "tag: reminded",
        "not_tag: reminded",
        "not_tag",
        "reminded",
    ),
    "wait, a text of a workflow": Case(
        ASK + "  - event: conversation.opened\n",
        "wait: 121m",
        "reply: Masih ada",
        "reply: Sudah beres",
        "reply.contains",
        "Masih ada",
    ),
    "wait, a note": Case(
        ASK + "  - event: conversation.opened\n",
        "wait: 121m",
        "note: 'tags added: reminded'",
        "note: 'tags added: vip'",
        "note",
        "reminded",
    ),
    "wait, a reminder": Case(ASK, "wait: 4h", "reply: kode bayar", "silent: true", "silent", "kode bayar"),
    "voice": Case(
        "",
        "customer: {voice: notes/harga.ogg, text: jam berapa toko buka?}",
        "reply: '07.00'",
        "reply: {matches: '\\d{3}\\.000'}",
        "reply.matches",
        "07.00",
    ),
    "a picture": Case(
        "", "customer: {image: notes/a.png, text: 'ini apa?'}", "replies: 1", "replies: 3", "replies", "1:"
    ),
    "a place": Case(
        "",
        "customer: {location: [-6.2, 106.8]}",
        "silent: false",
        "silent: true",
        "silent",
        "lokasinya sudah kami terima",
    ),
    "a follow-up's text": Case(
        "",
        "customer: jam berapa toko buka?",
        "followup: {contains: kode bayar}",
        "followup: {contains: diskon}",
        "followup",
        "kode after 1h30m",
    ),
    "no follow-up": Case(
        "", "customer: jam berapa toko buka?", "followup: true", "followup: false", "followup", "kode after 1h30m"
    ),
    "a payment's state": Case(
        "  - customer: bayar 50rb\n",
        "wait: 16m",
        "payment: {state: expired}",
        "payment: {state: paid}",
        "payment.state",
        "expired",
    ),
    "the state of the older of two payments": Case(
        "  - customer: bayar 50rb\n  - customer: bayar 75rb\n",
        "event: {payment.paid: {number: 1}}",
        "payment: {amount: 50000, state: paid}",
        "payment: {amount: 75000, state: paid}",
        "payment.state",
        "open",
    ),
    "a payment that came late": Case(
        "  - customer: bayar 50rb\n  - wait: 16m\n",
        "event: {payment.paid: {amount: 50000}}",
        "payment: {state: paid_late}",
        "payment: {state: paid}",
        "payment.state",
        "paid_late",
    ),
    "a payment's amount": Case(
        "", "customer: bayar 50rb", "payment: {amount: 50000}", "payment: {amount: 75000}", "payment.amount", "Rp50.000"
    ),
    "a payment's merchant": Case(
        "",
        "customer: bayar 50rb",
        "payment: {merchant: WARUNG CONTOH}",
        "payment: {merchant: TOKO LAIN}",
        "payment.merchant",
        "WARUNG CONTOH",
    ),
    "no handover": Case(
        ASK, "customer: saya mau bicara dengan manusia", "handover: true", "handover: false", "handover", "a handover"
    ),
    "the reason of a handover": Case(
        ASK,
        "customer: saya mau bicara dengan manusia",
        "handover: bicara dengan manusia",
        "handover: gagal",
        "handover",
        "manusia",
    ),
    "the reason of the second handover": Case(
        "  - customer: saya mau bicara dengan manusia\n  - event: unassigned\n"
        "  - customer: tolong sambungkan ke CS, barang saya rusak\n",
        "",
        "handover: rusak",
        "handover: gagal",
        "handover",
        "rusak",
    ),
    "the note of a handover": Case(
        ASK, "customer: saya mau bicara dengan manusia", "note: manusia", "note: false", "note", "manusia"
    ),
    "a word in a note": Case(
        ASK, "customer: saya mau bicara dengan manusia", "note: true", "note: [manusia, refund]", "note", "manusia"
    ),
    "no note": Case("", "customer: jam berapa toko buka?", "note: false", "note: true", "note", "no note"),
    "no note in a wait": Case(
        ASK + "  - event: conversation.opened\n", "wait: 121m", "note: true", "note: false", "note", "reminded"
    ),
    "no call": Case("", "customer: jam berapa toko buka?", "called: false", "called: true", "called", "no call"),
    "some call": Case(
        "", "customer: pesanan KS-10234 sampai mana?", "called: true", "called: false", "called", "get_order", ORDERS
    ),
    "no passage": Case(
        "", "customer: {location: [-6.2, 106.8]}", "passage: false", "passage: true", "passage", "no passage"
    ),
    "some passage": Case("", "customer: jam berapa toko buka?", "passage: true", "passage: false", "passage", "jam.md"),
    "nobody is told": Case(
        "", "customer: jam berapa toko buka?", "posted: false", "posted: true", "posted", "no message to another system"
    ),
    "somebody is told": Case(ASK, "event: {tag.added: crm}", "posted: true", "posted: false", "posted", "crm"),
    "while a colleague answers": Case(
        ASK + "  - colleague: saya bantu ya\n",
        "customer: jam berapa toko buka?",
        "silent: true",
        "reply: '07.00'",
        "reply.contains",
        "no reply",
    ),
    "a workflow's language": Case(
        "  - customer: bayar 50rb\n", "event: payment.paid", "language: id", "language: en", "language", "id"
    ),
    "what others are told": Case(
        ASK,
        "event: {tag.added: crm}",
        f"posted: {{'{CRM}': {{tag: crm}}}}",
        f"posted: {{'{CRM}': {{tag: vip}}}}",
        "posted",
        "crm",
    ),
    "a stage": Case(
        ASK, "event: {lifecycle.changed: Customer}", "lifecycle: Customer", "lifecycle: Lead", "lifecycle", "Customer"
    ),
    "a broadcast": Case(
        ASK + "  - broadcast: ../promo.yaml\n",
        "wait: 3h",
        "reply: Hai Budi",
        "reply: Hai Ani",
        "reply.contains",
        "Hai Budi",
    ),
    "the whole conversation": Case(
        ASK + "  - customer: harga americano?\n", "", "replies: 2", "replies: 3", "replies", "2:"
    ),
    "a pass rate": Case(
        "",
        "customer: jam berapa toko buka?",
        "reply: '07.00'",
        "reply: '09.00'",
        "reply.contains",
        "07.00",
        "runs: 2\nmin_pass_rate: 0.5\n",
    ),
    "two keys of one entry": Case(
        "",
        "customer: jam berapa toko buka?",
        "{replies: 1, passage: jam.md}",
        "{replies: 1, passage: menu.csv}",
        "passage",
        "jam.md",
    ),
    "an effect after a yes": Case(
        "  - customer: batalkan pesanan KS-10234\n",
        "customer: ya",
        "called: cancel_order",
        "not_called: {cancel_order: {order_id: KS-10234}}",
        "not_called",
        "cancel_order",
        ORDERS,
    ),
    "one of two actions": Case(
        "",
        "customer: pesanan KS-10234 sudah sampai mana?",
        "called: [get_order]",
        "called: [get_order, cancel_order]",
        "called",
        "get_order",
        ORDERS,
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """All cases, run once: the folder of the scenarios, the report as JSON by file, and as JUnit's XML."""
    shop = make_shop(tmp_path_factory.mktemp("shop"))
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    Image.new("RGB", (40, 40), "red").save(shop / "tests" / "notes" / "a.png")
    (shop / "promo.yaml").write_text(PROMO.replace("1/min", "60/min"))
    (shop / "customers.csv").write_text("phone,first_name\n+6281399990000,Ani\n+6281234567890,Budi\n")
    for number, case in enumerate(CASES.values()):
        for name in ("right", "wrong"):
            (shop / "tests" / f"{name}{number}.yaml").write_text(case.text(getattr(case, name)))
    junit = shop / "out" / "report.xml"
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert balas(["test", "-c", str(agent), "--junit", str(junit), "--json"]) == 1
    found = json.loads(told.getvalue())["scenarios"]
    return shop / "tests", {Path(each["file"]).stem: each for each in found}, junit.read_text()


@pytest.mark.parametrize("name", CASES)
def test_it_names_file_line_turn_expectation_and_difference(
    results: tuple[Path, dict[str, Any], str], name: str
) -> None:
    folder, report, junit = results
    case, number = CASES[name], list(CASES).index(name)
    assert report[f"right{number}"]["passed"], report[f"right{number}"]
    wrong = report[f"wrong{number}"]
    assert not wrong["passed"]
    assert Path(wrong["file"]) == folder / f"wrong{number}.yaml"
    for played in wrong["runs"]:
        (failed,) = played["failed"]
        assert (failed["turn"], failed["expectation"]) == (case.number, case.key)
        assert failed["line"] == 1 + case.text(case.wrong).splitlines().index(
            next(line for line in case.text(case.wrong).splitlines() if line.endswith(f"- {case.wrong}"))
        )
        assert case.found in failed["found"]
        assert failed["expected"]
    turn = f"turn {case.number}, " if case.number else ""
    assert f"wrong{number}.yaml:{failed['line']}: {turn}{case.key}" in junit
