"""Events of the platform, of payments and of other systems begin workflows in a scenario."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.test_run import run

Write = Callable[..., Path]

WORKFLOWS = """\
workflows:
  - name: new
    on: contact.created
    do: [{send: {text: "Selamat datang!", template: {name: welcome, language: id, parameters: []}}}]
  - name: vip
    on: {tag.added: vip}
    if: {lifecycle: Customer}
    do: [{assign: budi@example.com}, {note: "Pelanggan VIP {contact.first_name}"}]
  - {name: stage, on: {lifecycle.changed: Customer}, do: [{tag: {add: [customer], remove: [lead]}}]}
  - {name: opened, on: conversation.opened, do: [{lifecycle: Opened}]}
  - {name: closed, on: conversation.closed, do: [{note: "Selesai: {event.category}"}]}
  - {name: facts, on: contact.updated, do: [{note: "Kota: {contact.custom.city}"}]}
  - {name: paid, on: payment.paid, do: [{post: {url: "https://crm.example/paid"}}]}
  - name: order
    on: webhook
    token: hook-token-of-the-order
    do: [{send: "Pesanan {event.id} kami terima."}, {wait: 1h}, {action: {get_order: {order_id: "{event.id}"}}}]
  - {name: ordered, on: {action.done: get_order}, do: [{tag: {add: [asked]}}]}
  - {name: human, on: handover, do: [{tag: {add: [human]}}]}
  - {name: says, on: {message.received: {matches: ^promo}}, do: [{agent: "Jam berapa toko buka?"}]}
"""


@pytest.fixture
def automated(shop: Path) -> Path:
    """The shop with workflows."""
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    return shop


HELLO = "  - {customer: jam berapa toko buka?}\n"
TURNS = {
    "a contact is created who never wrote": "  - {event: contact.created, expect: {reply: '[template welcome', replies: 1}}\n",
    "a contact is created by writing": "  - {customer: jam berapa toko buka?, expect: [{reply: Selamat datang, replies: 2}]}\n",
    "a contact is new once": HELLO + "  - {event: contact.created, expect: {silent: true}}\n",
    "a tag is added whose workflow does not apply": HELLO + "  - {event: {tag.added: vip}, expect: [{tag: vip}]}\n",
    "a tag is added": (
        HELLO + "  - {event: {lifecycle.changed: Customer}, expect: [{lifecycle: Customer}, {tag: customer}, {not_tag: lead}]}\n"
        "  - event: {tag.added: vip}\n"
        "    expect: [{tag: [vip, customer]}, {note: [assigned to budi@example.com, 'colleagues: Pelanggan VIP Sari']}]\n"
        "  - {event: {tag.removed: vip}, expect: [{not_tag: vip}, {tag: customer}]}\n"
    ),
    "a conversation is opened": HELLO + "  - {event: conversation.opened, expect: {lifecycle: Opened}}\n",
    "a conversation is closed": HELLO + "  - {event: {conversation.closed: {category: beres}}, expect: {note: 'Selesai: beres'}}\n",
    "facts change": HELLO + "  - {event: {contact.updated: {custom_fields: {city: Solo}}}, expect: {note: 'Kota: Solo'}}\n",
    "a payment is paid": (
        HELLO + "  - {customer: bayar 50rb}\n"
        "  - event: payment.paid\n"
        "    expect:\n"
        "      - payment: {state: paid}\n"
        "      - posted: {'https://crm.example/paid': {event: payment.paid, data: {amount: 50000}}}\n"
    ),
    "a hook is called, and what it does waits": (
        HELLO + "  - hook: {order: {id: KS-10234, phone: '+6281234567890'}}\n"
        "    expect: [{reply: 'Pesanan KS-10234 kami terima'}, {not_called: get_order}]\n"
        "  - {wait: 61m, expect: [{called: {get_order: {order_id: KS-10234}}}, {tag: asked}]}\n"
    ),
    "a hook names a customer who never wrote": (
        "  - {hook: {order: {id: KS-10234, phone: '+6281234567890'}}, expect: [{silent: true}]}\n"
    ),
    "a hook names another customer": (
        HELLO + "  - {hook: {order: {id: KS-10234, phone: '+6281200001111', first_name: Ani}}, expect: {silent: true}}\n"
    ),
    "a colleague is assigned and gives it back": (
        HELLO + "  - {event: {assigned: budi@example.com}}\n"
        "  - {customer: jam berapa toko buka?, expect: {silent: true}}\n"
        "  - {event: unassigned}\n"
        "  - {customer: jam berapa toko buka?, expect: {reply: '07.00'}}\n"
    ),
    "a handover begins one": HELLO + "  - {customer: saya mau bicara dengan manusia, expect: [{handover: true}, {tag: human}]}\n",
    "a message begins one in which the agent writes": (
        HELLO + "  - {customer: promo dong, expect: [{replies: 2}, {reply: 'ingin menyapa lagi'}]}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TURNS)
def test_workflows_begin_with_what_happens(
    automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    scenario(
        "now: 2026-11-30T10:00:00\n"
        "contact: {first_name: Sari, tags: [lead]}\n"
        "actions: {get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}}\n"
        "turns:\n" + TURNS[name]
    )
    code, out = run(automated, capsys)
    assert code == 0, out


@pytest.mark.parametrize(
    ("turn", "found"),
    [
        ("{event: payment.paid}", "no payment of the customer is open"),
        ("{hook: {order: {phone: nonsense}}}", "hook order: phone"),
    ],
)
def test_what_cannot_happen_fails_the_scenario_at_its_line(
    automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str], turn: str, found: str
) -> None:
    path = scenario(f"turns:\n  - {turn}\n")
    code, out = run(automated, capsys)
    assert code == 1
    assert f"{path}:2: turn 1, scenario" in out
    assert found in out


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("lifecycle: Customer", "lifecycle: Lead", "Customer"),
        ("note: tags added", "note: assigned", "tags added: customer"),
        ("tag: customer", "posted: 'https://crm.example/paid'", "no system was told anything"),
    ],
)
def test_what_is_expected_of_a_workflow_and_did_not_come_is_shown(
    automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str], right: str, wrong: str, found: str
) -> None:
    turn = "turns:\n  - {event: {lifecycle.changed: Customer}, expect: [{EXPECT}]}\n"
    scenario(turn.replace("EXPECT", right), "right")
    scenario(turn.replace("EXPECT", wrong), "wrong")
    code, out = run(automated, capsys, "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert code == 1
    assert results["right"]["passed"], results["right"]
    assert found in results["wrong"]["runs"][0]["failed"][0]["found"]


def test_coverage_lists_the_steps_of_workflows_that_none_reached(
    automated: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(
        "actions: {get_order: {return: {id: KS-10234, status: dikirim}}}\n"
        "turns:\n  - {customer: jam berapa toko buka?}\n"
        "  - {hook: {order: {id: KS-10234, phone: '+6281234567890'}}}\n"
        "  - {event: {lifecycle.changed: Customer}}\n"
    )
    code, out = run(automated, capsys, "--coverage")
    assert code == 0, out
    missing = {line.split(": ")[1] for line in out.splitlines() if line.startswith("  not reached: ") and "/" in line}
    assert {"order/3", "vip/1", "vip/2", "opened/1", "closed/1", "paid/1", "ordered/1", "human/1", "says/1"} <= missing
    assert not {"order/1", "order/2", "stage/1", "new/1"} & missing
