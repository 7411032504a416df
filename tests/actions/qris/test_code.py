from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.qris import PayloadError, parse, with_amount
from actions.qris.settings import QrisSettings
from actions.qris.tlv import Item, checksum, join, seal, walk
from tests.actions.qris.codes import DYNAMIC_50000, GOOD, STATIC, VECTORS


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["valid"]], ids=lambda v: f"V{v['n']}")
def test_a_working_code_is_read_without_errors(vector):
    code = parse(vector["payload"])
    assert code.crc_ok
    assert not code.errors
    assert dict(code.items) == vector["fields"]
    assert seal(walk(code.text)) == code.text


@pytest.mark.parametrize(
    ("number", "position", "found"),
    [(65, 76, "UME51440"), (66, 166, "05DEPOK6"), (67, 73, "UMI51440"), (68, 79, "E MERCHA")],
)
def test_a_code_that_breaks_off_names_the_place(number, position, found):
    payload = next(v["payload"] for v in VECTORS if v["n"] == number)
    with pytest.raises(PayloadError, match=found) as raised:
        parse(payload)
    assert raised.value.position == position


def test_a_wrong_crc_is_reported_and_not_raised():
    code = parse(next(v["payload"] for v in VECTORS if v["n"] == 26))
    assert not code.crc_ok
    assert "5C54" in code.errors[0]


def test_broken_rules_are_warnings_and_not_errors():
    payload = next(v["payload"] for v in VECTORS if v["n"] == 27)
    assert parse(payload).warnings == ("61 is missing",)


def test_the_facts_of_a_merchant():
    code = parse(f"  {STATIC}\n")
    assert (code.merchant.name, code.merchant.city, code.merchant.postal) == (
        "WARUNG CONTOH JAYA",
        "JAKARTA PUSAT",
        "10310",
    )
    assert (code.merchant.nmid, code.merchant.criteria, code.merchant.mcc) == ("ID1099000000017", "UMI", "5812")
    assert [account.guid for account in code.accounts] == ["COM.EXAMPLE.WWW", "ID.CO.QRIS.WWW"]
    assert code.accounts[0].pan == "936009990000000017"
    assert code.additional == {"07": "A01"}
    assert code.amount is None
    assert not code.is_dynamic
    assert code.items[0] == ("00", "01")


def test_an_amount_is_a_decimal():
    assert parse(DYNAMIC_50000).amount == 50000
    assert parse(seal([*walk(STATIC)[:-1], Item("54", "50000.00")])).amount == Decimal("50000.00")


@pytest.mark.parametrize("amount", ["1000,00", "1 000", "1.0.0", "-5", "5e3", "٥"])
def test_an_amount_that_is_none_is_an_error(amount):
    code = parse(seal([*walk(STATIC)[:-1], Item("54", amount)]))
    assert code.amount is None
    assert any("amount" in error for error in code.errors)


def test_the_schemes_of_other_countries_are_recognised():
    by_number = {v["n"]: parse(v["payload"]).scheme for v in VECTORS if v["valid"]}
    assert by_number[9] == by_number[57] == "qris"
    assert by_number[21] == by_number[42] == "promptpay"
    assert by_number[43] == "vietqr"
    assert by_number[52] == by_number[55] == "pix"
    assert by_number[1] == by_number[30] == "emv"


def test_a_code_of_duitnow_that_begins_with_02_is_only_warned_about():
    code = parse(seal([Item("00", "02"), Item("01", "11"), Item("26", "0014A0000006150001"), Item("58", "MY")]))
    assert (code.scheme, code.errors) == ("duitnow", ())
    assert code.warnings[0].startswith("00 is '02'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("halo", "expected two digits"),
        ("https://example.com", "expected two digits"),
        (STATIC[:-5], "ends"),
        (STATIC[:-1], "ends"),
        (STATIC + "6", "ends"),
        (STATIC + "é", "expected two digits"),
        ("٠٠٠٢٠١", "expected two digits"),
    ],
)
def test_what_is_no_code_is_refused_with_a_reason(text, reason):
    with pytest.raises(PayloadError, match=reason):
        parse(text)


def test_structural_faults_that_can_be_read_are_errors():
    body = walk(STATIC)[:-1]
    assert any("twice" in error for error in parse(seal([*body, Item("59", "X")])).errors)
    assert any("must come last" in error for error in parse(STATIC + "5901X").errors)
    assert any("missing" in error for error in parse(join(body)).errors)
    assert any("00 must" in error for error in parse(seal(body[1:])).errors)
    assert any("object 62" in error for error in parse(seal([*body[:-1], Item("62", "0799A01")])).errors)


def test_a_crc_in_lower_case_is_accepted_with_a_warning():
    code = parse(STATIC[:-4] + STATIC[-4:].lower())
    assert code.crc_ok
    assert "lower case" in code.warnings[-1]


def test_the_checksum_is_that_of_the_standard():
    assert checksum("123456789") == "29B1"


def test_the_checksum_counts_bytes_and_the_length_characters():
    payload = GOOD[0]
    assert len(payload) != len(payload.encode())
    assert payload.endswith("A13A")
    assert parse(payload).crc_ok


@given(st.sampled_from(GOOD), st.data())
def test_any_changed_character_is_noticed(payload, data):
    at = data.draw(st.integers(0, len(payload) - 1))
    new = data.draw(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters=payload[at]))
    if at >= len(payload) - 4 and new.upper() == payload[at]:
        return  # a CRC in lower case is the same CRC
    changed = payload[:at] + new + payload[at + 1 :]
    try:
        code = parse(changed)
    except PayloadError:
        return
    assert not code.crc_ok
    assert code.errors


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        code = parse(text)
    except PayloadError as error:
        refusal = error
    else:
        assert code.errors or join(code.objects) == code.text
        return
    assert 0 <= refusal.position <= len(text)


@given(st.lists(st.tuples(st.integers(0, 99), st.text(min_size=1, max_size=99)), min_size=1, max_size=8))
def test_what_was_joined_is_walked_back(parts):
    items = tuple(Item(f"{number:02d}", value) for number, value in parts)
    assert walk(join(items)) == items


@pytest.mark.parametrize(
    ("objects", "fee"),
    [
        ([("55", "01")], "a tip that the payer enters (object 55)"),
        ([("55", "02"), ("56", "500")], "a fixed fee of 500 (object 56)"),
        ([("55", "03"), ("57", "2.5")], "a fee of 2.5 percent (object 57)"),
        ([("57", "3")], "a fee of 3 percent (object 57)"),
        ([], None),
    ],
)
def test_a_fee_that_the_payers_app_adds_is_known_and_refused_unless_allowed(
    objects: list[tuple[str, str]], fee: str | None
) -> None:
    items = [item for item in parse(STATIC).objects if item.id != "63"]
    at = next(place for place, item in enumerate(items) if item.id == "58")
    payload = seal([*items[:at], *(Item(*one) for one in objects), *items[at:]])
    assert parse(payload).fee == fee
    assert with_amount(payload, 50_000).fee == fee
    assert QrisSettings(payload=payload, allow_fee=True).payload == payload
    if fee:
        with pytest.raises(ValueError, match="allow_fee: true"):
            QrisSettings(payload=payload)
