import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.phone import InvalidPhone, country_of, of_older_plan, spellings, time_zones, to_assigned_e164, to_e164


@pytest.mark.parametrize(
    "text", ["0812-3456-7801", "+62 812 3456 7801", "62 812 3456 7801", "(0812) 3456.7801", "tel:+6281234567801"]
)
def test_a_number_is_one_number_however_it_is_written(text: str) -> None:
    assert to_e164(text, "ID") == to_assigned_e164(text, "ID") == "+6281234567801"


def test_a_number_with_its_country_is_not_taken_for_one_of_the_region() -> None:
    assert to_e164("+60 12-345 6789", "ID") == "+60123456789"
    assert country_of("+60123456789") == "MY"
    assert country_of("+6281234567801") == "ID"
    assert country_of("nothing") is None


def test_a_number_tells_the_time_zones_of_its_country() -> None:
    assert time_zones("+442079460000") == time_zones("+447911123456"), "mobile numbers tell no area"
    assert {"Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"} <= set(time_zones("+6281234567801"))
    assert time_zones("nothing") == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "'abc' is no phone number"),
        ("0812", "'0812' is no phone number of ID: it is too short"),
        ("+155555501001", "'+155555501001' is no phone number of US: it is too long"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason(text: str, reason: str) -> None:
    for read in (to_e164, to_assigned_e164):
        with pytest.raises(InvalidPhone) as caught:
            read(text, "ID")
        assert str(caught.value) == reason


def test_a_list_of_recipients_needs_numbers_that_are_assigned() -> None:
    assert to_e164("+1 555 555 0100", "ID") == "+15555550100"
    with pytest.raises(InvalidPhone, match="it is in no assigned range"):
        to_assigned_e164("+1 555 555 0100", "ID")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        number = to_e164(text, "ID")
    except InvalidPhone:
        return
    assert to_e164(number, "GB") == number


@pytest.mark.parametrize("text", ["+55 11 8765-4321", "+52 1 55 1234 5678", "+229 97 12 34 56", "+225 07 12 34 56"])
def test_numbers_of_older_plans_are_taken_as_written(text: str) -> None:
    assert to_assigned_e164(text, "ID") == text.replace(" ", "").replace("-", "")
    assert of_older_plan(to_assigned_e164(text, "ID"))
    assert not of_older_plan("+5511987654321")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+551187654321", "+5511987654321"),
        ("+5215512345678", "+525512345678"),
        ("+541123456789", "+5491123456789"),
        ("+22997123456", "+2290197123456"),
    ],
)
def test_both_spellings_of_a_number_are_one_subscriber(one: str, other: str) -> None:
    assert spellings(one) == spellings(other) == (other, one)


@pytest.mark.parametrize("phone", ["+6281234567801", "+551132654321", "+12025550123", ""])
def test_other_numbers_have_one_spelling(phone: str) -> None:
    assert spellings(phone) == (phone,)
