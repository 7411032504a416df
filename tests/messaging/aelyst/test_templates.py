"""WhatsApp templates of typed parts."""

import json
from pathlib import Path
from typing import Any

import pytest

from messaging.aelyst.conversations import send_body
from messaging.aelyst.templates import (
    Body,
    Buttons,
    Footer,
    Header,
    ImageParameter,
    LocationParameter,
    Media,
    PhoneButton,
    Place,
    QuickReplyButton,
    TextParameter,
    UrlButton,
    fill,
    read_component,
    template,
)
from messaging.errors import Invalid
from messaging.types import ChannelTemplate

EXAMPLES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "data" / "messaging" / "template-components.json").read_bytes()
)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_documented_examples_pass_through_typed_parts_unchanged(name: str) -> None:
    parts = [read_component(part) for part in EXAMPLES[name]]
    body = send_body(template(name, "en", parts), None)
    assert body["message"] == {
        "type": "whatsapp_template",
        "template": {"name": name, "languageCode": "en", "components": EXAMPLES[name]},
    }


def test_a_template_is_built_from_parts() -> None:
    built = template(
        "pesanan",
        "id",
        [
            Header(format="image", parameters=(ImageParameter(image=Media(link="https://a.example/q.png")),)),
            Body(text="Halo {{1}}", parameters=(TextParameter(text="Sari"),)),
            Footer(text="Kopi Senja"),
            Buttons(buttons=(QuickReplyButton(text="Ya"), PhoneButton(text="Telepon", phone_number="+62812"))),
        ],
    )
    assert built.components[0] == {
        "type": "header",
        "format": "image",
        "parameters": [{"type": "image", "image": {"link": "https://a.example/q.png"}}],
    }
    assert built.components[3] == {
        "type": "buttons",
        "buttons": [
            {"type": "quick_reply", "text": "Ya"},
            {"type": "phone_number", "text": "Telepon", "phone_number": "+62812"},
        ],
    }


def test_a_place_carries_its_coordinates_as_text() -> None:
    place = Place(name="Kopi Senja", address="Jl. Braga 1", latitude="-6.9", longitude="107.6")
    header = Header(format="location", parameters=(LocationParameter(location=place),))
    (component,) = template("x", "id", [header]).components
    assert component["parameters"] == [
        {
            "type": "location",
            "location": {"name": "Kopi Senja", "address": "Jl. Braga 1", "latitude": "-6.9", "longitude": "107.6"},
        }
    ]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"type": "footer"}, "footer.text"),
        ({"type": "caption", "text": "x"}, "caption"),
        ({"type": "header", "format": "sound"}, "header.format"),
        ({"type": "header", "format": "image", "parameters": [{"type": "image", "image": {"link": "file.png"}}]}, "link"),
        ({"type": "header", "format": "document", "parameters": [{"type": "document", "document": {"link": "https://a.id"}}]}, "filename"),
        ({"type": "body", "text": "x", "parametres": []}, "parametres"),
    ],
)  # fmt: skip
def test_a_wrong_part_is_refused_with_its_place(part: dict[str, object], place: str) -> None:
    with pytest.raises(Invalid, match=place):
        read_component(part)


CHANNEL_TEMPLATE = ChannelTemplate(
    "4",
    "pesanan",
    "id",
    "approved",
    components=(
        {"type": "HEADER", "format": "TEXT", "text": "Pesanan {{1}}"},
        {"type": "BODY", "text": "Halo {{1}}, total {{2}}. Terima kasih {{1}}!"},
        {"type": "FOOTER", "text": "Kopi Senja"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Lacak", "url": "https://a.example/{{1}}"}]},
    ),
)


def test_a_channels_template_is_filled_in() -> None:
    filled = fill(CHANNEL_TEMPLATE, ["KS-1", "Sari", "Rp 50.000", "abc"])
    assert (filled.name, filled.language) == ("pesanan", "id")
    assert [read_component(part) for part in filled.components] == [
        Header(format="text", text="Pesanan {{1}}", parameters=(TextParameter(text="KS-1"),)),
        Body(
            text="Halo {{1}}, total {{2}}. Terima kasih {{1}}!",
            parameters=(TextParameter(text="Sari"), TextParameter(text="Rp 50.000")),
        ),
        Footer(text="Kopi Senja"),
        Buttons(
            buttons=(UrlButton(text="Lacak", url="https://a.example/{{1}}", parameters=(TextParameter(text="abc"),)),)
        ),
    ]


@pytest.mark.parametrize("values", [["KS-1"], ["a", "b", "c", "d", "e"]])
def test_the_number_of_values_must_fit(values: list[str]) -> None:
    with pytest.raises(Invalid, match="pesanan"):
        fill(CHANNEL_TEMPLATE, values)


def test_a_template_that_begins_with_a_file_is_not_filled_with_texts() -> None:
    with pytest.raises(Invalid, match="components"):
        fill(ChannelTemplate("1", "promo", components=({"type": "HEADER", "format": "IMAGE"},)), [])
