"""Hooks in: what another system posts becomes an event of one workflow, once for each event id; and runs begun by hand.

Verifying and reading are plain functions over headers and bytes.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection

from agent.broadcasts.audience import phone_number
from agent.config.workflows import HookContact, Workflow
from agent.errors import InputError
from agent.ledger import events, workflows
from agent.ledger.events import Event
from agent.workflows.jobs import begin_for_all, known_contact
from messaging.admission import LONGEST_TEXT, admitted_facts
from messaging.signature import sign
from messaging.types import ContactKey
from settings.matching import values_at
from settings.text import cleaned, from_json, shortened

WOOCOMMERCE_SIGNATURE = "x-wc-webhook-signature"
STRIPE_SIGNATURE = "stripe-signature"
RAZORPAY_SIGNATURE = "x-razorpay-signature"
SIGNATURES = (WOOCOMMERCE_SIGNATURE, STRIPE_SIGNATURE, RAZORPAY_SIGNATURE)
"""Headers of those who sign instead of bearing a token; the workflow's token is the secret."""

_WOOCOMMERCE_DELIVERY = "x-wc-webhook-delivery-id"
_RAZORPAY_EVENT = "x-razorpay-event-id"
_PING = re.compile(rb"webhook_id=\d{1,20}")
PING_SIZES = range(12, 32)
"""Bytes that a ping of WooCommerce may have: as much of it as its headers show."""

_LONGEST = 200
"""Characters of an event's id that are kept; a longer one is known by its digest."""

_MOST_VALUES = 1000
"""Values that one JSONPath may find in a body."""

_STRIPE_AGE = timedelta(minutes=5)

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}")
_PHONE = re.compile(r"\+?[\d\s().-]{8,}")
_FACTS = ("first_name", "last_name", "language")


class UnreadableHook(ValueError):
    """A hook's body that is not JSON or a form, or whose contact cannot be read; `field` names what is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Hook:
    """What a hook says: its event's id, the data, and by what the contact is known; `None` where it names none."""

    identity: str
    data: Mapping[str, Any]
    address: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Begun:
    """The run of a hook; `new` is false for an event that came before."""

    run: str
    contact: ContactKey | None
    new: bool


def signed_by_woocommerce(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Check WooCommerce's signature: base64 of HMAC-SHA256 over the raw body, with the webhook's secret."""
    return _is(sign(secret.encode(), body, "base64"), headers.get(WOOCOMMERCE_SIGNATURE, ""))


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Check the signature of WooCommerce, Stripe or Razorpay over the raw body.

    Args:
        headers: with lower-case names.
        body: as it arrived.
        secret: the one that was given to, or by, the sender.
        now: the time, aware UTC: Stripe's signatures hold for five minutes.
    """
    if WOOCOMMERCE_SIGNATURE in headers:
        return signed_by_woocommerce(headers, body, secret)
    if RAZORPAY_SIGNATURE in headers:
        return _is(sign(secret.encode(), body, "hex"), headers[RAZORPAY_SIGNATURE])
    parts = [part.strip().partition("=") for part in headers.get(STRIPE_SIGNATURE, "").split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not (at.isascii() and at.isdigit() and abs(now.timestamp() - int(at[:12])) <= _STRIPE_AGE.total_seconds()):
        return False
    expected = sign(secret.encode(), at.encode() + b"." + body, "hex")
    return any(_is(expected, value) for name, _, value in parts if name == "v1")


def _is(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


def is_woocommerce_ping(body: bytes) -> bool:
    """Tell whether it is what WooCommerce posts, unsigned, when a webhook is saved: `webhook_id=12`, and nothing else."""
    return _PING.fullmatch(body) is not None


def read_hook(flow: Workflow, headers: Mapping[str, str], body: bytes) -> Hook:
    """Read a hook.

    Args:
        flow: whose hook it is, with the JSONPaths of `contact` and `fields`.
        headers: with lower-case names.
        body: JSON, or a form.

    Raises:
        UnreadableHook: it is neither, or its contact cannot be read.
    """
    data = _body(headers, body)
    return Hook(_identity(headers, data, body), {**data, **_mapped(flow.fields, data)}, _address(flow, data))


def accept(connection: Connection, flow: Workflow, hook: Hook, now: datetime) -> Begun:
    """Record a hook's event and begin its run; an event that came before begins none.

    Returns:
        The run, or what its id would be where it is not there any more; its contact is `None` as long as the address is not looked up.
    """
    state = None if hook.address is None else known_contact(connection, hook.address)
    key = None if state is None else state.key
    event = f"hook/{flow.name}/{hook.identity}"
    new = events.insert(connection, Event(event, "webhook", key, events.facts_of(connection, key), hook.data, now))
    address = hook.address if key is None else None
    if not new:
        run = workflows.of_event(connection, flow.name, event)
        return Begun(run.id if run else workflows.run_id(flow.name, event), run.contact if run else None, new=False)
    begun = workflows.begin(
        connection, flow.name, event=event, trigger="webhook", data=hook.data, now=now, key=key, address=address
    )
    return Begun(begun or workflows.run_id(flow.name, event), key, new=begun is not None)


def begin_by_hand(connection: Connection, flow: Workflow, key: ContactKey | None, now: datetime) -> str:
    """Begin a workflow because its owner says so; the id of the event.

    Args:
        key: for whom; `None`: for the audience of a schedule.
        now: the time, aware UTC.

    Raises:
        InputError: it needs a contact.
    """
    event = f"manual/{flow.name}/{secrets.token_hex(6)}"
    if key is None:
        if not flow.alone and flow.on.event != "schedule":
            raise InputError(f"{flow.name} begins with {flow.on.event}, which is about a contact; name one")
        begin_for_all(connection, flow, event, now)
        return event
    data: dict[str, Any] = {"time": now.isoformat()}
    events.insert(connection, Event(event, "manual", key, events.facts_of(connection, key), data, now))
    workflows.begin(connection, flow.name, event=event, trigger="manual", data=data, now=now, key=key)
    return event


def _body(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        return dict(shortened(cleaned(fields), LONGEST_TEXT))
    try:
        value = shortened(cleaned(from_json(body)), LONGEST_TEXT)
    except ValueError:
        raise UnreadableHook("the body is not JSON") from None
    if isinstance(value, list):
        one = value[0] if len(value) == 1 and isinstance(value[0], dict) else {}
        return {"items": value, **one}
    if not isinstance(value, dict):
        raise UnreadableHook("the body must be a JSON object")
    return value


def _identity(headers: Mapping[str, str], data: Mapping[str, Any], body: bytes) -> str:
    """The event's id: as the caller says. WooCommerce and Razorpay number what they send; `id` in a body is an order's there."""
    if (delivery := headers.get(_WOOCOMMERCE_DELIVERY)) is not None:  # the same for all that is sent within a second
        return f"{delivery[:100]}-{_digest(body)}"
    for name in ("idempotency-key", "x-event-id", _RAZORPAY_EVENT):
        if headers.get(name):
            return _short(headers[name])
    for name in ("event_id", "id"):
        if isinstance(data.get(name), str | int) and not isinstance(data[name], bool) and data[name] != "":
            return _short(str(data[name]))
    return secrets.token_hex(12)


def _short(identity: str) -> str:
    return identity if len(identity) <= _LONGEST else f"{identity[:100]}-{_digest(identity.encode())}"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _mapped(paths: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, Any]:
    """The values that JSONPaths find: one as it is, several as a list, none left out."""
    found: dict[str, Any] = {}
    for name, path in paths.items():
        try:
            values = values_at(path, data, _MOST_VALUES + 1)
        except ValueError as error:
            raise UnreadableHook(f"{path} cannot be followed in this body: {error}", name) from None
        if len(values) > _MOST_VALUES:
            raise UnreadableHook(f"{path} finds more than {_MOST_VALUES} values in this body", name)
        if values:
            found[name] = values[0] if len(values) == 1 else values
    return found


def _address(flow: Workflow, data: Mapping[str, Any]) -> dict[str, str] | None:
    """By what the contact is known: `id`, `phone` and `email`, and facts for one who is new."""
    given: dict[str, Any] = {}
    if flow.contact is not None:
        paths = {name: path for name in HookContact.model_fields if (path := getattr(flow.contact, name)) is not None}
        given = _mapped(paths, data)
    if not {"id", "phone", "email"} & given.keys():  # not mapped, or not where the paths lead
        plainly = {name: data[name] for name in ("phone", "email", *_FACTS) if name in data}
        given = {**plainly, **({"id": data["contact"]} if data.get("contact") is not None else {}), **given}
    given = {name: _one(value) for name, value in given.items()}
    if isinstance(given.get("id"), dict):  # a whole contact stands there
        inner = given.pop("id")
        given = {**{name: _one(inner[name]) for name in ("id", "phone", "email", *_FACTS) if name in inner}, **given}
    plain = {name: _written(value) for name, value in given.items()}
    found = {name: text for name, text in admitted_facts(plain).items() if text}
    identity = found.get("id", "")
    if _EMAIL.fullmatch(identity):
        found.setdefault("email", found.pop("id"))
    elif _PHONE.fullmatch(identity) and "phone" not in found:
        found["phone"] = identity
    if "phone" in found:
        try:
            found["phone"] = phone_number(found["phone"], flow.country)
        except ValueError as error:
            if "id" in found:
                del found["phone"]
            elif "email" not in found:
                raise UnreadableHook(f"phone: {error}", "phone") from None
            else:
                del found["phone"]
    if "email" in found and not _EMAIL.fullmatch(found["email"]):
        if not {"id", "phone"} & found.keys():
            raise UnreadableHook(f"email: {found['email']!r} is not an e-mail address", "email")
        del found["email"]
    return found if {"id", "phone", "email"} & found.keys() else None


def _one(value: Any) -> Any:
    """The first value that says something: forms give each answer as a list, and a path may find several."""
    if not isinstance(value, list):
        return value
    return next((one for each in value if (one := _one(each)) not in (None, "", {})), None)


def _written(value: Any) -> str:
    """A plain value as text; a whole number has no decimals, whatever JSON made of it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()
