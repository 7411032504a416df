"""Contact fields in the formats the API wants."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from messaging.aelyst.fields import contact_body, format_value, in_format
from messaging.aelyst.records import CustomField, FieldType
from messaging.errors import Invalid, UnknownField


def field(kind: FieldType, options: tuple[str, ...] = ()) -> CustomField:
    return CustomField("1", "Kolom", kind, options=options)


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("text", "Jl. Braga", "Jl. Braga"),
        ("text", 12, "12"),
        ("text", True, "true"),
        ("text", date(2026, 11, 21), "2026-11-21"),
        ("number", 12, 12),
        ("number", 1.5, 1.5),
        ("number", " 12 ", 12),
        ("number", "-1.5", -1.5),
        ("email", " ani@example.com ", "ani@example.com"),
        ("url", "www.website.com", "www.website.com"),
        ("url", "website.com", "website.com"),
        ("url", "https://www.website.com/a?b=c", "https://www.website.com/a?b=c"),
        ("date", "2026-11-21", "2026-11-21"),
        ("date", "2026-11-21T10:00:00+07:00", "2026-11-21"),
        ("date", date(2026, 11, 21), "2026-11-21"),
        ("date", datetime(2026, 11, 21, 13, tzinfo=UTC), "2026-11-21"),
        ("time", "13:00", "13:00"),
        ("time", "9:05", "09:05"),
        ("time", "13.30", "13:30"),
        ("time", "13:00:59", "13:00"),
        ("time", "1PM", "13:00"),
        ("time", "12:15 am", "00:15"),
        ("time", time(7, 5), "07:05"),
        ("checkbox", True, True),
        ("checkbox", "false", False),
        ("checkbox", "Ya", True),
        ("checkbox", 0, False),
        ("text", None, None),
        ("number", None, None),
    ],
)
def test_a_value_is_put_into_the_format_of_its_type(kind: FieldType, value: Any, sent: object) -> None:
    assert format_value(field(kind), value) == sent
    assert type(format_value(field(kind), value)) is type(sent)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "dua belas"),
        ("number", "25.000"),  # 25 or 25,000?
        ("number", "25,000"),
        ("number", True),
        ("number", float("nan")),
        ("email", "ani"),
        ("url", "tidak ada"),
        ("url", "javascript:alert(1)"),
        ("date", "21/11/2026"),
        ("date", "besok"),
        ("date", 5),
        ("time", "25:00"),
        ("time", "13PM"),
        ("time", "siang"),
        ("checkbox", "mungkin"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_an_example(kind: FieldType, value: Any) -> None:
    with pytest.raises(Invalid, match=r"'Kolom' is a .* field and cannot hold .* write e\.g\. "):
        format_value(field(kind), value)


def test_a_list_takes_one_of_its_options_in_its_own_spelling() -> None:
    size = field("list", ("Kecil", "Besar"))
    assert format_value(size, "besar") == "Besar"
    with pytest.raises(Invalid, match="Kecil or Besar"):
        format_value(size, "sedang")


def test_standard_and_own_fields_go_to_their_places() -> None:
    points = CustomField("1", "Poin", "number", "points")
    fields = {"first_name": "Sari", "phone": "+6281234", "country": "ID", "language": None, "POIN": "3"}
    body = contact_body(in_format(fields, {"poin": points, "points": points}))
    assert body == {
        "firstName": "Sari",
        "phone": "+6281234",
        "countryCode": "ID",
        "language": None,
        "custom_fields": [{"name": "Poin", "value": 3}],
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("email", "budi at contoh"), ("phone", "nol delapan"), ("language", "Indonesian"), ("country", "Indonesia")],
)
def test_standard_fields_have_formats_too(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=rf"{name!r} cannot hold {value!r}; write e\.g\. "):
        in_format({name: value}, {})


def test_a_field_that_the_workspace_does_not_have_is_told_apart() -> None:
    points = CustomField("1", "Poin", "number", "points")
    with pytest.raises(UnknownField, match="no contact field 'Alamat'; it has: Poin"):
        in_format({"Alamat": "Jl. Braga"}, {"poin": points, "points": points})
