"""Telephone numbers: as people write them, and as E.164 (`+6281234567801`), the one form in which they are kept."""

import re
from functools import lru_cache

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number,
    is_possible_number_with_reason,
    is_valid_number,
    parse,
    region_code_for_country_code,
    region_code_for_number,
)

_OLDER_PLANS = re.compile(r"\+55[1-9][0-9][6-9][0-9]{7}|\+521[1-9][0-9]{9}|\+22[59][0-9]{8}")
_BRAZIL = re.compile(r"\+55(?P<area>[1-9][0-9])9?(?P<rest>[6-9][0-9]{7})")
_MEXICO = re.compile(r"\+521?(?P<rest>[1-9][0-9]{9})")
_ARGENTINA = re.compile(r"\+549?(?P<rest>[1-8][0-9]{9})")
_BENIN = re.compile(r"\+229(?:01)?(?P<rest>[0-9]{8})")
_REASONS = {ValidationResult.TOO_SHORT: "it is too short", ValidationResult.TOO_LONG: "it is too long"}


class InvalidPhone(ValueError):
    """A text is no telephone number; the message quotes it and says why."""


def to_e164(text: str, region: str) -> str:
    """A number of the right length as E.164: `0812-3456-7801` in `ID` → `+6281234567801`.

    Args:
        text: the number, with or without its country; spaces, dashes, dots and brackets may stand in it.
        region: ISO 3166 code of the country of numbers that are written without one.

    Raises:
        InvalidPhone: it is no number, or too short or too long for its country.
    """
    number = _parsed(text, region)
    if not is_possible_number(number):
        raise InvalidPhone(_explained(text, number, region))
    return format_number(number, PhoneNumberFormat.E164)


def to_assigned_e164(text: str, region: str) -> str:
    """As `to_e164`, and the number lies in a range that its country has assigned: what a list of recipients must pass.

    Numbers of an older plan that WhatsApp still uses as ids pass as they are, see `of_older_plan`.

    Raises:
        InvalidPhone: it is no number, or none that a subscriber of its country can have.
    """
    number = _parsed(text, region)
    if not is_valid_number(number) and not of_older_plan(format_number(number, PhoneNumberFormat.E164)):
        raise InvalidPhone(_explained(text, number, region))
    return format_number(number, PhoneNumberFormat.E164)


def of_older_plan(phone: str) -> bool:
    """Whether a number in E.164 is written as before its country's new plan, as ids of WhatsApp are.

    Brazilian mobiles had no ninth digit (`+55 11 8765-4321`), Mexican ones a 1 after the country (`+52 1 55 …`), numbers of Benin and
    Ivory Coast two digits less.
    """
    return _OLDER_PLANS.fullmatch(phone) is not None


def spellings(phone: str) -> tuple[str, ...]:
    """All spellings of a subscriber's number: that of today's plan first, then that of the older one, where there is one.

    WhatsApp names customers in Brazil, Mexico and Benin by either, and both are one person; so it is with the 9 before Argentine mobiles.

    Args:
        phone: in E.164.
    """
    if match := _BRAZIL.fullmatch(phone):
        return (f"+55{match['area']}9{match['rest']}", f"+55{match['area']}{match['rest']}")
    if match := _MEXICO.fullmatch(phone):
        return (f"+52{match['rest']}", f"+521{match['rest']}")
    if match := _ARGENTINA.fullmatch(phone):
        return (f"+549{match['rest']}", f"+54{match['rest']}")
    if match := _BENIN.fullmatch(phone):
        return (f"+22901{match['rest']}", f"+229{match['rest']}")
    return (phone,)


@lru_cache(maxsize=10_000)
def country_of(phone: str) -> str | None:
    """ISO 3166 code of the country of a number in E.164: `+62…` → `ID`; None for what is no number."""
    try:
        return region_code_for_number(parse(phone))
    except NumberParseException:
        return None


@lru_cache(maxsize=10_000)
def time_zones(phone: str) -> tuple[str, ...]:
    """IANA names of the time zones of the country of a number in E.164; empty for what is no number."""
    from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number

    try:
        code = parse(phone).country_code
    except NumberParseException:
        return ()
    country = PhoneNumber(country_code=code, national_number=0)  # mobile numbers tell no area
    return tuple(name for name in time_zones_for_geographical_number(country) if name != UNKNOWN_TIMEZONE)


def _parsed(text: str, region: str) -> PhoneNumber:
    try:
        return parse(text, region)
    except NumberParseException:
        raise InvalidPhone(f"{text!r} is no phone number") from None


def _explained(text: str, number: PhoneNumber, region: str) -> str:
    country = region_code_for_country_code(number.country_code) if number.country_code else region
    reason = _REASONS.get(is_possible_number_with_reason(number), "it is in no assigned range")
    return f"{text!r} is no phone number of {country}: {reason}"
