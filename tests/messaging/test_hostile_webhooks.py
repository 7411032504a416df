"""Whatever a webhook's body holds, reading it yields events or `PayloadError`: 200 or 400, never 500."""

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import PayloadError
from messaging.platform import Platform
from tests.messaging import test_aisoule, test_telegram, test_unipile, test_whatsapp, test_zernio
from tests.messaging.platforms import offline

SAMPLES: dict[str, tuple[Platform, list[Any]]] = {
    "zernio": (
        offline("zernio", account="acc_9", comments=True),
        [test_zernio.received(attachments=[{"type": "audio", "url": "https://x.example/a"}]), test_zernio.comment()],
    ),
    "aisoule": (
        offline("aisoule", account="wa-1"),
        [
            test_aisoule.HELP,
            test_aisoule.DOCS,
            test_aisoule.with_data(test_aisoule.HELP, type="audio", audio={"url": "https://x.example/a"}),
            {"event": "transfer.created", "data": {"phone_number": test_aisoule.PHONE, "agent": {"name": "Rina"}}},
            {"event": "message.failed", "data": {"message_id": "w", "to": test_aisoule.PHONE, "error": {"code": 1}}},
        ],
    ),
    "unipile": (
        offline("unipile", account="acc_1", base_url="https://x.example/api/v1"),
        [test_unipile.received(attachments=[{"id": "a1", "type": "audio"}]), test_unipile.received(is_sender=True)],
    ),
    "whatsapp": (
        offline("whatsapp", account="p1"),
        [
            test_whatsapp.received(type="audio", audio={"id": "m"}),
            test_whatsapp.received(type="interactive", interactive={"button_reply": {"title": "a"}}),
            test_whatsapp.notification(
                statuses=[{"id": "w", "status": "failed", "recipient_id": "1", "errors": [{"code": 1}]}]
            ),
        ],
    ),
    "telegram": (
        offline("telegram"),
        [test_telegram.received(text="x"), test_telegram.received(photo=[{"file_id": "f"}], caption="a")],
    ),
}

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["\ud800", "\x00", "9" * 50]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = new
    return changed


@pytest.mark.parametrize("name", sorted(SAMPLES))
@given(data=st.data())
def test_a_body_with_anything_anywhere_is_events_or_refused(name: str, data: st.DataObject) -> None:
    platform, samples = SAMPLES[name]
    body = data.draw(st.sampled_from(samples))
    for _ in range(data.draw(st.integers(1, 3))):
        body = replaced(body, data.draw(st.sampled_from(list(places(body)))), data.draw(ANYTHING))
    try:
        events = platform.parse(json.dumps(body).encode())
    except PayloadError:
        return
    for event in events:
        contact = getattr(event, "contact", None)
        assert contact is None or (contact.key.platform == name and contact.key.id)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@given(body=st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"a":' * 5_000, b"NaN", b'"x"', b"1e999"]))
def test_a_body_of_any_bytes_is_events_or_refused(name: str, body: bytes) -> None:
    with contextlib.suppress(PayloadError):
        SAMPLES[name][0].parse(body)
