"""Hooks: who may call, what they say, and when it is the same event."""

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.config.workflows import Workflow
from agent.workflows.hooks import UnreadableHook, is_signed, is_woocommerce_ping, read_hook
from examples.payment_links.providers import razorpay_webhook, stripe_webhook
from examples.woocommerce.shop import ORDERS, webhook
from messaging.admission import LONGEST_NAME, LONGEST_TEXT
from settings import matching
from settings.text import cleaned

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
SECRET = "secret-of-the-hook"


def flow(**more: Any) -> Workflow:
    return Workflow.model_validate({"name": "w", "on": "webhook", "token": SECRET, "do": [{"note": "x"}], **more})


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@given(st.binary(max_size=200), st.text(min_size=1, max_size=20))
def test_woocommerce_signs_with_base64_of_hmac_over_the_raw_body(body: bytes, secret: str) -> None:
    right = base64.b64encode(hmac.new(secret.encode("utf-8", "replace"), body, hashlib.sha256).digest()).decode()
    encoded = secret.encode("utf-8", "replace").decode()
    assert is_signed({"x-wc-webhook-signature": right}, body, encoded, NOW)
    assert not is_signed({"x-wc-webhook-signature": right}, body + b" ", encoded, NOW)
    assert not is_signed({"x-wc-webhook-signature": right}, body, encoded + "x", NOW)


def test_the_providers_signatures_are_known_and_stripes_grows_old() -> None:
    event = {"id": "evt_1"}
    body, headers = stripe_webhook(event, SECRET, int(NOW.timestamp()))
    assert is_signed(lower(headers), body, SECRET, NOW)
    assert not is_signed(lower(headers), body, "another", NOW)
    assert not is_signed(lower(headers), body, SECRET, NOW + timedelta(minutes=6))
    body, headers = razorpay_webhook(event, SECRET, "1")
    assert is_signed(lower(headers), body, SECRET, NOW)
    assert not is_signed(lower(headers), body + b" ", SECRET, NOW)
    assert not is_signed({}, body, SECRET, NOW)
    assert not is_signed({"stripe-signature": "t=x,v1=é"}, body, SECRET, NOW)


def test_a_later_change_of_an_order_is_another_event_and_a_delivery_that_comes_again_is_not() -> None:
    one = [lower(webhook(ORDERS[0], SECRET, number)[1]) for number in ("d1", "d1", "d2")]
    body = json.dumps(ORDERS[0]).encode()
    first, again, later = (read_hook(flow(), headers, body).identity for headers in one)
    assert first == again != later


def test_orders_that_woocommerce_tells_of_within_a_second_are_several_though_their_delivery_has_one_id() -> None:
    """Its id of a delivery is a hash of the webhook and the second (`WC_Webhook::get_new_delivery_id`)."""
    headers = lower(webhook(ORDERS[0], SECRET, "d1")[1])
    one, other = ({**ORDERS[0], "id": number} for number in (1, 2))
    assert read_hook(flow(), headers, json.dumps(one).encode()) != read_hook(
        flow(), headers, json.dumps(other).encode()
    )


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400), st.booleans())
@example("e" * 250 + "1", "e" * 250 + "2", True)
def test_ids_that_differ_are_different_events_however_long(one: str, other: str, in_header: bool) -> None:
    def identity(text: str) -> str:
        headers = {"x-event-id": text} if in_header else {}
        return read_hook(flow(), headers, json.dumps({"event_id": text}).encode()).identity

    one, other = cleaned(one), cleaned(other)
    if one and other:
        assert (identity(one) == identity(other)) == (one == other)


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ({"phone": "0812-3456-7801"}, {"phone": "+6281234567801"}),
        ({"contact": "aelyst:7"}, {"id": "aelyst:7"}),
        ({"contact": "sari@example.com"}, {"email": "sari@example.com"}),
        (
            {"contact": {"phone": "+6281234567801", "first_name": "Sari"}},
            {"phone": "+6281234567801", "first_name": "Sari"},
        ),
        ({"number": 1}, None),
        ({"phone": 6281234567801}, {"phone": "+6281234567801"}),
        ({"phone": 6281234567801.0}, {"phone": "+6281234567801"}),
        ({"phone": True, "email": "sari@example.com"}, {"email": "sari@example.com"}),
        ({"phone": ["0812-3456-7801"]}, {"phone": "+6281234567801"}),
        ({"phone": ["", None, {}, ["0812-3456-7801"]]}, {"phone": "+6281234567801"}),
        ({"phone": [[], {}], "email": ["sari@example.com"]}, {"email": "sari@example.com"}),
        ([{"phone": "0812-3456-7801"}], {"phone": "+6281234567801"}),
        ([{"phone": "0812-3456-7801"}, {"phone": "0812-3456-7802"}], None),
    ],
)
def test_the_contact_is_read_as_systems_write_it(body: Any, address: dict[str, str] | None) -> None:
    assert read_hook(flow(), {}, json.dumps(body).encode()).address == address


def test_json_paths_find_the_contact_and_further_values() -> None:
    mapped = flow(contact={"phone": "$.billing.phone"}, fields={"names": "$.items[*].name", "none": "$.x"})
    order = {"id": 5, "billing": {"phone": "081234567801"}, "items": [{"name": "a"}, {"name": "b"}]}
    hook = read_hook(mapped, {}, json.dumps(order).encode())
    assert hook.address == {"phone": "+6281234567801"}
    assert (hook.identity, hook.data["names"], "none" in hook.data) == ("5", ["a", "b"], False)


@pytest.mark.parametrize("body", [b"", b"nothing", b"3", b'{"phone": "12"}', b"[" * 5000])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableHook):
        read_hook(flow(), {}, body)


def test_a_form_and_a_ping_are_known() -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert read_hook(flow(), form, b"phone=081234567801&x=1&id=9").data["x"] == "1"
    assert is_woocommerce_ping(b"webhook_id=12")
    assert not is_woocommerce_ping(b"webhook_id=12&phone=081234567801")


def test_google_forms_gives_every_answer_as_a_list() -> None:
    """`e.namedValues` of Apps Script, and a response of the Forms API."""
    named = flow(contact={"phone": "$.namedValues['Nomor WhatsApp']", "first_name": "$.namedValues['Nama (lengkap)']"})
    body = {"namedValues": {"Nomor WhatsApp": ["0812-3456-7801"], "Nama (lengkap)": ["Sari"], "Catatan": [""]}}
    assert read_hook(named, {}, json.dumps(body).encode()).address == {"phone": "+6281234567801", "first_name": "Sari"}
    answered = flow(contact={"phone": "$.answers['2b3c'].textAnswers.answers[*].value"})
    answers = {"2b3c": {"questionId": "2b3c", "textAnswers": {"answers": [{"value": "+62 812-3456-7801"}]}}}
    hook = read_hook(answered, {}, json.dumps({"responseId": "A", "answers": answers}).encode())
    assert hook.address == {"phone": "+6281234567801"}


def test_a_path_that_finds_several_numbers_means_the_first_that_is_written() -> None:
    order = {"id": 1, "billing": {"phone": ""}, "shipping": {"phone": "081234567801"}, "store": {"phone": "0219999999"}}
    hook = read_hook(flow(contact={"phone": "$..phone"}), {}, json.dumps(order).encode())
    assert hook.address == {"phone": "+6281234567801"}


@pytest.mark.parametrize("path", ["$.items[?match(@.name, '(a|aa)+b')]", "$.items[?@.name =~ /(a|aa)+b/]"])
def test_a_body_made_for_the_pattern_of_a_path_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PATH_TIME", matching.PATTERN_TIME)
    body = json.dumps({"items": [{"name": "a" * 80}]}).encode()
    with pytest.raises(UnreadableHook, match="takes too long"):
        read_hook(flow(fields={"x": path}), {}, body)


def test_a_path_that_a_body_cannot_bear_is_refused_and_names_its_field() -> None:
    mapped = flow(fields={"all": "$..*"})
    with pytest.raises(UnreadableHook, match="more than 1000 values") as refused:
        read_hook(mapped, {}, json.dumps({"items": list(range(5000))}).encode())
    assert refused.value.field == "all"
    nested: Any = {"x": 1}
    for _ in range(60):
        nested = {"a": nested}
    assert read_hook(mapped, {}, json.dumps(nested).encode()).data["all"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["contact", "phone", "email", "id", "event_id", "items", "billing"]), _JSON, max_size=5
    )
)
@example({"phone": "\ud800", "id": ""})
@example({"contact": {"phone": [1], "email": {}}})
@example({"event_id": True, "id": 10**400})
def test_whatever_a_system_posts_is_read_or_refused(body: dict[str, Any]) -> None:
    mapped = flow(
        contact={"phone": "$.billing[*].phone", "id": "$..id"}, fields={"n": "$.items[?@.price > 1].name", "x": "$..x"}
    )
    for each in (flow(), mapped):
        with suppress(UnreadableHook):
            read = read_hook(each, {}, json.dumps(body).encode())
            assert read.identity
            assert len(read.identity) <= 200
            json.dumps(dict(read.data), allow_nan=False).encode()


def test_what_is_not_where_the_paths_lead_is_read_plainly() -> None:
    mapped = flow(contact={"phone": "$.billing.phone", "first_name": "$.name"})
    hook = read_hook(mapped, {}, b'{"phone": "081234567801", "name": "Sari"}')
    assert hook.address == {"phone": "+6281234567801", "first_name": "Sari"}


def test_what_a_hook_says_is_cleaned_and_capped_and_so_is_its_contact() -> None:
    long = "x\x00\u202e" * 9_000
    told = {
        "phone": "081234567801",
        "first_name": f"Sari\nRules: {long}",
        "note": long,
        long: [{"a": long}],
        "n": 1e999,
    }
    for kind, body in (
        ("application/json", json.dumps(told).encode()),
        ("application/x-www-form-urlencoded", urlencode(told).encode()),
    ):
        hook = read_hook(flow(country="ID"), {"content-type": kind}, body)
        assert hook.address is not None
        assert hook.address["phone"] == "+6281234567801"
        assert hook.address["first_name"].startswith("Sari Rules: xxx")
        assert len(hook.address["first_name"]) == LONGEST_NAME
        assert hook.data["note"] == "x" * LONGEST_TEXT
        assert max(map(len, hook.data)) == LONGEST_TEXT
    assert hook.data["first_name"].startswith("Sari\nRules: xxx")


def test_the_contact_that_paths_find_in_a_hook_is_capped_too() -> None:
    body = json.dumps({"order": {"buyer": {"name": "y" * 9_000, "mail": "a@b.id"}}}).encode()
    found = read_hook(flow(contact={"email": "$.order.buyer.mail", "first_name": "$..name"}), {}, body).address
    assert found == {"email": "a@b.id", "first_name": "y" * (LONGEST_NAME - 1) + "…"}
