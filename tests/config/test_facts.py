"""`{contact.…}` in texts for customers."""

import pytest

from agent.config.facts import check_facts, fill
from messaging.types import Contact, ContactKey

SARI = Contact(ContactKey("aelyst", "7"), first_name="Sari", phone="+62812", custom_fields={"Loyalty Points": 12})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Halo {contact.first_name}, apa kabar?", "Halo Sari, apa kabar?"),
        ("Halo {contact.last_name}, apa kabar?", "Halo, apa kabar?"),
        ("Halo {contact.last_name|Kak}!", "Halo Kak!"),
        ("Halo {contact.first_name|Kak}!", "Halo Sari!"),
        ("{contact.last_name} Halo", "Halo"),
        ("Poin: {contact.custom.Loyalty Points}, {contact.id}, {contact.phone}", "Poin: 12, 7, +62812"),
        ("tanpa kurung", "tanpa kurung"),
        ("{ini} bukan {fakta|apa pun}", "{ini} bukan {fakta|apa pun}"),
    ],
)
def test_facts_are_filled_in(text: str, expected: str) -> None:
    assert fill(text, SARI) == expected


@pytest.mark.parametrize("text", ["{contact.name}", "Halo {first_name}", "{}", "{contact.custom.}", "{order.id|x}"])
def test_braces_that_hold_no_fact_are_an_error_that_names_the_facts(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be filled in; there are contact\.id"):
        check_facts(text)
