"""Replaying after a change of configuration: what the model is told otherwise is named, and nothing else is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.conftest import AGENT, make_shop
from tests.scenarios.recorded import record
from tests.scenarios.test_cassette import serving, with_model
from tests.scenarios.test_replay import knowing, replay

TALK = """\
contact: {first_name: Sari}
now: 2026-11-27T10:00:00
actions: {get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}, cancel_order: {return: {status: batal}}}
turns:
  - customer: jam berapa toko buka?
  - customer: pesanan KS-10234 sudah sampai mana?
  - customer: {voice: notes/harga.ogg, text: harga americano berapa?}
  - customer: batalkan pesanan KS-10234
  - customer: ya
"""
_NUMBER = '      order_id: {type: string, pattern: "^KS-[0-9]{5}$", description: nomor pesanan, from: conversation}\n'
_CANCEL = "  - name: cancel_order\n" + AGENT.partition("  - name: cancel_order\n")[2].partition("  - builtin:")[0]
TOLD = {
    "a description": (
        "description: Melihat status sebuah pesanan.",
        "description: Melihat keadaan sebuah pesanan.",
        "get_order, description: Melihat keadaan sebuah pesanan.",
    ),
    "a parameter": (_NUMBER, _NUMBER.replace("nomor pesanan", "kode pesanan"), "get_order, parameter order_id: [{\"description\": \"kode"),
    "one more parameter": (
        "phone: {from: contact.phone}\n    request: {url: \"https://shop.example/orders/{order_id}\", query: {",
        "phone: {from: contact.phone}\n      cabang: {type: string, description: kota}\n"
        "    request: {url: \"https://shop.example/orders/{order_id}\", query: {cabang: \"{cabang}\", ",
        "get_order, parameter cabang: [{\"description\": \"kota",
    ),
    "examples": ("examples: [batalkan pesanan KS-10234]", "examples: [batal saja]", "cancel_order, description: Membatalkan pesanan."),
    "a question before it": ("    confirm: \"Batalkan pesanan {order_id}?\"\n", "", "cancel_order, description: Membatalkan pesanan."),
    "an action that is new": (
        "  - builtin: hand_over\n",
        "  - builtin: hand_over\n  - builtin: close_conversation\n",
        "action close_conversation: ",
    ),
    "an action that is gone": (_CANCEL, "", "no action cancel_order"),
}  # fmt: skip
UNTOLD = {
    "an address": ("https://shop.example/orders/{order_id}\"", "https://toko.example/orders/{order_id}\""),
    "a bound parameter": ("phone: {from: contact.phone}", "phone: {from: contact.id}"),
    "what is picked": ("kurir: $.courier", "ekspedisi: $.courier"),
    "a reminder": ("after: 90m", "after: 70m"),
    "a limit": ("followups:\n", "limits: {actions: 7}\nfollowups:\n"),
}  # fmt: skip


@pytest.fixture(scope="module", params=["offline", "language model"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with whose agent somebody has talked."""
    shop = make_shop(tmp_path_factory.mktemp("shop"))
    if request.param == "offline":
        record(shop, TALK)
    else:
        with serving(knowing) as model:
            with_model(shop, model.url)
            record(shop, TALK, live=True)
    return shop


@pytest.fixture
def talked(recorded: Path, tmp_path: Path, clear_clients: Callable[[], None]) -> Path:
    """The same shop, to be changed."""
    return shutil.copytree(recorded, tmp_path / "shop")


def change(shop: Path, old: str, new: str) -> None:
    agent = shop / "agent.yaml"
    assert old in agent.read_text()
    agent.write_text(agent.read_text().replace(old, new, 1))


def differences(shop: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, dict[str, str]]]:
    code, out = replay(shop, capsys, "--last", "1", "--json")
    assert code == 0, out
    return [turn["differences"] for turn in json.loads(out)["conversations"][0]["turns"]]


@pytest.mark.parametrize("name", TOLD)
def test_what_the_model_is_told_of_its_tools_otherwise_is_named(
    talked: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    old, new, told = TOLD[name]
    change(talked, old, new)
    found = differences(talked, capsys)
    assert len(found) == 5
    named = [each["tools"] for each in found if each]
    assert named, found
    assert all(told in each["now"] for each in named), named
    assert all(each["then"].count("\n") == 0 for each in named), "more than one part is said to differ"
    assert all("instructions" not in each for each in found)


def test_what_the_instructions_say_otherwise_is_shown(talked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(talked, "asisten Kopi Senja.", "asisten Kopi Pagi yang ramah.")
    for each in differences(talked, capsys):
        if each:
            assert each["instructions"] == {
                "then": "Kamu Melati, asisten Kopi Senja.",
                "now": "Kamu Melati, asisten Kopi Pagi yang ramah.",
            }
            assert "tools" not in each
    assert "      + Kamu Melati, asisten Kopi Pagi yang ramah." in replay(talked, capsys, "--last", "1")[1]


@pytest.mark.parametrize("name", UNTOLD)
def test_what_the_model_is_not_told_is_no_difference(
    talked: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change(talked, *UNTOLD[name])
    assert differences(talked, capsys) == [{}] * 5
