import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.qris import EditRefused, PayloadError, parse, with_amount
from actions.qris.tlv import Item, seal, walk
from tests.actions.qris.codes import DYNAMIC_50000, GOOD, STATIC, VECTORS

EDITABLE = [text for text in GOOD if (code := parse(text)).scheme == "qris" and not code.is_dynamic]


def vector(number):
    return next(v["payload"] for v in VECTORS if v["n"] == number)


def test_the_amount_goes_into_the_static_code():
    assert with_amount(STATIC, 50000).text == DYNAMIC_50000


@pytest.mark.parametrize(("amount", "crc"), [(1, "2012"), (10_000_000, "781A"), (1001, "039F"), (1491, "00B9")])
def test_the_crc_is_computed_anew_and_padded(amount, crc):
    assert with_amount(STATIC, amount).text.endswith(f"6304{crc}")


def test_the_reference_becomes_the_label_when_asked():
    code = with_amount(parse(STATIC), 50123, "INV-2026-0001")
    assert code.text.endswith("62240513INV-2026-00010703A0163048E8A")
    assert code.reference == "INV-2026-0001"


def test_a_code_without_additional_data_gets_a_label_of_its_own():
    code = with_amount(vector(27), 7500, "A-1")
    assert code.reference == "A-1"
    assert code.items[-1][0] == "63"


def test_an_existing_label_is_replaced():
    assert with_amount(vector(9), 7500, "A-1").additional == {"05": "A-1", "07": "A01"}
    assert with_amount(vector(9), 7500).reference == "QRST-00000"


def test_a_reference_that_does_not_fit_is_refused():
    full = seal([*walk(STATIC)[:-2], Item("62", "0125" + "1" * 25 + "0225" + "2" * 25 + "0325" + "3" * 25)])
    with pytest.raises(PayloadError, match="leaves room for 8"):
        with_amount(full, 1000, "1234567890")
    with pytest.raises(PayloadError, match="1 to 25"):
        with_amount(STATIC, 1000, "x" * 26)
    with pytest.raises(PayloadError, match="ASCII"):
        with_amount(STATIC, 1000, "kopi é")


@pytest.mark.parametrize("amount", [0, -1, 10**13, True, 1.5, "50000"])
def test_an_amount_that_cannot_be_asked_for_is_refused(amount):
    with pytest.raises(PayloadError, match="amount"):
        with_amount(STATIC, amount)


@pytest.mark.parametrize("number", [51, 57, 58])
def test_a_single_use_code_of_somebody_else_is_refused(number):
    with pytest.raises(EditRefused, match="single-use"):
        with_amount(vector(number), 12345)


def test_the_code_of_a_gateway_is_refused_even_for_its_own_amount():
    with pytest.raises(EditRefused, match="single-use"):
        with_amount(vector(57), 50000)


@pytest.mark.parametrize("number", [1, 21, 43, 52])
def test_a_code_of_another_country_is_refused(number):
    with pytest.raises(EditRefused, match="not QRIS"):
        with_amount(vector(number), 50000)


@pytest.mark.parametrize(("purpose", "kind"), [("DMCT", "transfer"), ("CWDL", "cash-out"), ("CDPT", "cash-in")])
def test_a_code_for_transfer_or_cash_is_refused(purpose, kind):
    items = [Item("62", f"0804{purpose}") if item.id == "62" else item for item in walk(STATIC)[:-1]]
    person = Item("40", "0010COM.BANK.X0116" + "9" * 16 + "0205ABCDE")
    code = parse(seal([*items[:2], person, *items[2:]]))
    assert code.kind == kind
    with pytest.raises(EditRefused, match=kind):
        with_amount(code, 50000)


def test_a_damaged_code_is_refused():
    with pytest.raises(EditRefused, match="CRC"):
        with_amount(vector(26), 50000)


@given(st.sampled_from(EDITABLE), st.integers(1, 9_999_999_999_999))
def test_who_is_paid_never_changes(payload, amount):
    before, after = parse(payload), with_amount(payload, amount)
    assert after.crc_ok
    assert not after.errors
    assert after.amount == amount
    assert after.is_dynamic
    kept = [item for item in after.items if item[0] not in ("01", "54", "63")]
    assert kept == [item for item in before.items if item[0] not in ("01", "54", "63")]
    assert after.merchant == before.merchant
    assert after.accounts == before.accounts


@given(
    st.sampled_from(EDITABLE),
    st.integers(1, 10_000_000),
    st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=25),
)
def test_doing_it_twice_is_doing_it_once(payload, amount, reference):
    once = with_amount(payload, amount, reference)
    assert with_amount(once, amount, reference) == once
    with pytest.raises(EditRefused):
        with_amount(once, amount + 1, reference)
