"""Nothing is asked over the network unless `--live` or `--record` says so, and what is played does not depend on how it is run."""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stub_model import Asked as Question
from tests.scenarios.test_cassette import TELEPHONE, serving, with_model
from tests.scenarios.test_events import WORKFLOWS
from tests.scenarios.test_run import run

Write = Callable[..., Path]

_watching: list[list[str]] = []


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        _watching[-1].append(f"{event} {arguments[1:] if event == 'socket.connect' else arguments}")


sys.addaudithook(_notice)


@contextmanager
def noticed() -> Iterator[list[str]]:
    """The connections and look-ups of names that this process makes meanwhile, whichever library makes them."""
    found: list[str] = []
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


def varying(asked: Question) -> object:
    """A model that says the same in other words each time, and passes on what it should not be told again."""
    number = random.randrange(10**6)
    if "You judge" in asked.system:
        return f"PASS: it is fine ({number})"
    if "You play a customer" in asked.system:
        said = sum(message["role"] == "assistant" for message in asked.messages)
        return [f"jam berapa buka kak? telp saya 0813-7777-{number % 9000 + 1000}", "[END]"][min(said, 1)]
    if asked.results:
        return f"Pesanan KS-10234 dikirim dengan JNE ya Kak, hubungi 0812-9999-8888 atau toko@melati.co.id. Versi {number}."
    if "KS-10234" in asked.question:
        return {"call": "get_order", "arguments": {"order_id": "KS-10234"}}
    return f"Buka jam 07.00 Kak ({number})."


ORDER = """\
contact: {phone: "+6281355667788", first_name: Budi}
now: 2026-11-30T10:00:00
actions: {get_order: {return: {status: dikirim, courier: JNE}}}
turns:
  - customer: pesanan KS-10234 sampai mana? email saya budi.santoso@gmail.com
    expect: [{called: {get_order: {order_id: KS-10234}}}, {reply: JNE}, {judge: ramah}]
"""
VARIES = "now: 2026-11-30T10:00:00\nruns: 3\nmin_pass_rate: 0.6\nturns:\n  - {customer: jam buka?, expect: [{reply: '07.00'}]}\n"
PLAYED = "now: 2026-11-30T10:00:00\nsimulate: {persona: sopan, goal: jam buka, turns: 3}\nexpect: [{reply: '07.00'}]\n"
OUTSIDE = """\
turns:
  - customer: halo
  - event: {tag.added: vip}
  - customer: bayar 50rb
  - event: payment.paid
    expect: [{posted: "https://crm.example/paid"}]
  - customer: https://x.example/a.pdf
"""


def test_without_live_no_connection_is_made_and_what_varies_is_played_as_it_was_recorded(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    paths = [scenario(text, name) for name, text in {"order": ORDER, "played": PLAYED, "varies": VARIES}.items()]
    with serving(varying) as model:
        with_model(shop, model.url, **TELEPHONE)
        with noticed() as connections:
            assert run(shop, capsys)[0] == 1
            assert connections == []
            code, out = run(shop, capsys, "--record")
            assert code == 0, out
            assert connections, "recording makes connections, so this test sees them"
        asked, kept = len(model.asked), [path.with_name(f"{path.stem}.cassette.yaml").read_bytes() for path in paths]
        scenario(OUTSIDE.replace("turns:", "model: offline\nturns:"), "outside")
        with noticed() as connections:
            first = run(shop, capsys, "--json", "-n", "1")
            second = run(shop, capsys, "--json", "-n", "4")
            third = run(shop, capsys, "--json", *map(str, reversed([shop / "tests" / "outside.yaml", *paths])))
            assert connections == []
        assert run(shop, capsys, "--record")[0] == 0
        assert len(model.asked) == asked, "nothing was stale"
    assert [path.with_name(f"{path.stem}.cassette.yaml").read_bytes() for path in paths] == kept
    assert first[0] == second[0] == third[0] == 0, first[1]
    assert lasting(first[1]) == lasting(second[1])
    assert sorted(map(str, lasting(third[1]))) == sorted(map(str, lasting(first[1])))
    for private in (b"81355667788", b"9999-8888", b"0813-7777", b"gmail.com", b"toko@melati", b"very-secret-token"):
        assert not any(private in each for each in kept)
    assert kept[0].count(b"KS-10234") >= 3, "the number of an order stays"


def lasting(out: str) -> list[Any]:
    """The results without times and references of payments, which are others in each run."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in ("seconds", "at")}
        if isinstance(value, list):
            return [strip(item) for item in value]
        return re.sub(r"QR-[A-Z0-9]{8}|\d\d?[:.]\d\d\b|\d+ \w+, \d\d", "…", value) if isinstance(value, str) else value

    found: list[Any] = strip(json.loads(out)["scenarios"])
    return found
