"""`balas qris`, as a user types it."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.action import SendPayment
from actions.qris import parse, with_amount
from actions.qris.picture import png, read_image
from agent.cli.frame import run
from agent.ledger import contacts, migrate, open_database, payments
from messaging.types import Contact, ContactKey
from tests.actions.qris.codes import STATIC, VECTORS

# The commands read the real clock: what is open now must not have expired when they do.
NOW = datetime.now(UTC)


def balas(*words, capsys):
    code = run(["qris", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_show_says_whom_a_code_pays(capsys):
    code, out, _ = balas("show", STATIC, capsys=capsys)
    assert code == 0
    assert all(fact in out for fact in ("WARUNG CONTOH JAYA", "ID1099000000017", "JAKARTA PUSAT", "right"))


def test_show_reads_a_picture_and_prints_json(capsys, tmp_path):
    (tmp_path / "code.png").write_bytes(png(with_amount(STATIC, 50000).text))
    code, out, _ = balas("show", tmp_path / "code.png", "--json", capsys=capsys)
    found = json.loads(out)
    assert code == 0
    assert (found["amount"], found["crc_ok"], found["merchant"]["name"]) == (50000, True, "WARUNG CONTOH JAYA")
    assert found["items"][0] == ["00", "01"]


def test_show_ends_with_1_for_what_cannot_be_used(capsys, tmp_path):
    broken = next(v["payload"] for v in VECTORS if v["n"] == 65)
    code, _, err = balas("show", broken, capsys=capsys)
    assert (code, "at character 76" in err, err.count("\n")) == (1, True, 1)
    code, out, _ = balas("show", STATIC[:-1] + "0", capsys=capsys)
    assert (code, "wrong" in out) == (1, True)
    (tmp_path / "no.png").write_bytes(b"not an image")
    assert balas("show", tmp_path / "no.png", capsys=capsys)[0] == 1
    assert balas("show", tmp_path / "none.png", capsys=capsys)[0] == 1


@pytest.mark.parametrize("name", ["code.png", "code.jpg"])
def test_make_writes_a_card_that_a_reader_decodes(capsys, tmp_path, name):
    file = tmp_path / name
    code, out, _ = balas("make", "50rb", "--payload", STATIC, "--ref", "INV-1", "-o", file, capsys=capsys)
    assert code == 0
    assert "Rp50.000" in out
    assert read_image(file.read_bytes()) == [with_amount(STATIC, 50000, "INV-1").text]


def test_make_writes_other_forms(capsys, tmp_path):
    right = with_amount(STATIC, 1_500_000).text
    assert balas("make", "1,5jt", "--payload", STATIC, "-o", tmp_path / "a.txt", capsys=capsys)[0] == 0
    assert (tmp_path / "a.txt").read_text() == right + "\n"
    assert balas("make", "1,5jt", "--payload", STATIC, "-o", tmp_path / "a.svg", capsys=capsys)[0] == 0
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert balas("make", "1,5jt", "--payload", STATIC, "--bare", "-o", tmp_path / "a.png", capsys=capsys)[0] == 0
    assert read_image((tmp_path / "a.png").read_bytes()) == [right]
    assert balas("make", "1,5jt", "--payload", STATIC, "-o", tmp_path / "a.pdf", capsys=capsys)[0] == 1


def test_make_draws_in_the_terminal_without_a_file(capsys):
    code, out, _ = balas("make", "50rb", "--payload", STATIC, "--ref", "X", "--no-label", capsys=capsys)
    assert code == 0
    assert "▀" in out
    assert with_amount(STATIC, 50000).text in out


@pytest.mark.parametrize(
    ("amount", "word"), [("1.500rb", "ambiguous"), ("nol", "not an amount"), ("0", "not an amount")]
)
def test_make_refuses_an_amount_that_is_not_clear(capsys, amount, word):
    code, _, err = balas("make", amount, "--payload", STATIC, capsys=capsys)
    assert (code, word in err, err.count("\n")) == (1, True, 1)


def test_make_refuses_a_single_use_code(capsys):
    dynamic = next(v["payload"] for v in VECTORS if v["n"] == 57)
    code, _, err = balas("make", "20rb", "--payload", dynamic, capsys=capsys)
    assert (code, "single-use" in err) == (1, True)


@pytest.fixture
def agent(tmp_path) -> Path:
    file = tmp_path / "agent.yaml"
    file.write_text(
        f"name: Melati\ninstructions: Bantu pelanggan.\npayments: {{qris: {{payload: {json.dumps(STATIC)}}}}}\n"
        "storage: sqlite:///ledger.db\nmodel: {name: offline}\nvoice: {model: none}\n"
    )
    database = open_database("sqlite:///ledger.db", base=tmp_path)
    migrate.upgrade(database.engine)
    key = ContactKey("sandbox", "7")
    with database.engine.begin() as connection:
        contacts.remember(connection, Contact(key))
        for n, reference in enumerate(("INV-1", "INV-2", "=cmd()")):
            offer = SendPayment(STATIC, 50000, reference, "WARUNG", None, NOW + timedelta(days=1), "static")
            payments.open_payment(connection, key, f"p{n}", offer, NOW + timedelta(minutes=n))
    asyncio.run(database.aclose())
    return file


def test_make_takes_the_code_of_agent_yaml(capsys, agent):
    code, out, _ = balas("make", "50rb", "-c", agent, "--json", capsys=capsys)
    assert code == 0
    assert json.loads(out)["amount"] == 50000


def test_list_shows_payments_as_a_table_json_and_csv(capsys, agent):
    code, out, _ = balas("list", "-c", agent, capsys=capsys)
    assert (code, "INV-1" in out, "Rp50.000" in out) == (0, True, True)
    found = json.loads(balas("list", "-c", agent, "--json", capsys=capsys)[1])
    assert [one["reference"] for one in found] == ["=cmd()", "INV-2", "INV-1"]
    rows = list(csv.DictReader(io.StringIO(balas("list", "-c", agent, "--csv", capsys=capsys)[1])))
    assert rows[0]["reference"] == "'=cmd()"
    assert rows[2] | {"reference": "INV-1", "amount": "50000", "state": "open"} == rows[2]
    assert balas("list", "-c", agent, "--state", "paid", capsys=capsys)[1] == "no payments yet\n"
    assert balas("list", "-c", agent, "--state", "nonsense", capsys=capsys)[0] == 1
    assert balas("list", "-c", agent, "--csv", "--json", capsys=capsys)[0] == 2


def test_mark_paid_enters_what_the_operator_saw(capsys, agent):
    code, out, _ = balas("mark-paid", "INV-1", "-c", agent, capsys=capsys)
    assert (code, out) == (0, "INV-1 is now paid: Rp50.000 of Rp50.000\n")
    assert "was already paid" in balas("mark-paid", "INV-1", "-c", agent, capsys=capsys)[1]
    assert "is now partial" in balas("mark-paid", "p1", "--amount", "20rb", "-c", agent, capsys=capsys)[1]
    code, _, err = balas("mark-paid", "INV-9", "-c", agent, capsys=capsys)
    assert (code, "INV-9" in err) == (1, True)


def test_codes_of_other_countries_are_shown(capsys):
    code, out, _ = balas("show", next(v["payload"] for v in VECTORS if v["n"] == 42), capsys=capsys)
    assert (code, "PROMPTPAY" in out, "4.22" in out) == (0, True, True)
    assert parse(STATIC).scheme == "qris"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_no_cell_of_an_export_is_run_as_a_formula(begin):
    from agent.cli import qris

    written = qris._csv([dict.fromkeys(qris._row_names(), f"{begin}cmd|' /C calc'!A0")])
    assert "\r" not in written
    [row] = csv.DictReader(io.StringIO(written, newline=""))
    shown = begin.replace("\r", " ")
    assert all(cell.startswith(f"'{shown}cmd") for cell in row.values())
