"""`kill -9` at every point that each kind of step passes: the run goes on, nothing is sent twice, and nothing is lost."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.config.workflows import SendStep, Step
from messaging.sandbox.records import Contact, Message
from tests.acceptance.flow import TOKEN, Receiver, call, private, rows
from tests.acceptance.shop import Shop, shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC

ROWS = ("workflow-step", "workflow-stepped")
OUT = ("before-send", "sent")
TURN = ("after-claim", "before-commit", "after-commit")
EFFECT = ("effect-started", "effect-done", "action-recorded")
MODEL = ("model-call", "model-answered", "model-recorded")
POST = ("before-post", "posted")
ELSEWHERE = {
    "before-accept", "accepted", "consented", "followup-due", "followup-decided", "broadcast-taken", "broadcast-queued",
}  # fmt: skip
"""Points that no step passes."""

FACEBOOK = 3
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
ENDS = "selesai {order}"


@dataclass(frozen=True)
class Case:
    """A step, the points at which its process is killed, and what is seen of it, once, in order: `{order}` stands for the order's id.

    Attributes:
        may_fail: the points at which an action that cannot be repeated is given up.
        alone: whether the event names no contact.
        closed: whether the channel takes free text no more.
        channel: on which the customers wrote; None: the first.
    """

    step: dict[str, Any]
    points: tuple[str, ...]
    seen: tuple[str, ...]
    may_fail: tuple[str, ...] = ()
    alone: bool = False
    closed: bool = False
    channel: int | None = None


TEMPLATE = {"name": "sapaan", "parameters": ["{event.order}"]}
CANCEL = {"cancel_order": {"order_id": "{event.order}"}}
CASES = {
    "send": Case({"send": "satu {event.order}"}, ROWS + OUT, ("satu {order}",)),
    "send a template": Case({"send": {"template": TEMPLATE}}, ROWS + OUT, ("sapaan {order}",)),
    "send a template instead of the text": Case(
        {"send": {"text": "satu {event.order}", "template": TEMPLATE}}, ROWS + OUT, ("sapaan {order}",), closed=True
    ),
    "send with a tag": Case(
        {"send": {"text": "satu {event.order}", "tag": "POST_PURCHASE_UPDATE"}},
        ROWS + OUT, ("satu {order}",), closed=True, channel=FACEBOOK,
    ),
    "action": Case({"action": CANCEL}, ROWS + TURN + EFFECT, ("cancelled {order}",)),
    "action that cannot be repeated": Case(
        {"action": {"cancel_once": CANCEL["cancel_order"]}}, EFFECT, ("cancelled {order}",),
        may_fail=("effect-started", "effect-done"),
    ),
    "action that asks first": Case(
        {"action": {"cancel_asked": CANCEL["cancel_order"]}}, ROWS + TURN + OUT, ("Batalkan {order}?",)
    ),
    "action that sends a picture": Case(
        {"action": {"send_file": {"file": "menu.png", "caption": "gambar {event.order}"}}},
        (*ROWS, *TURN, "action-recorded", *OUT, "before-send:2", "sent:2"), ("image", "gambar {order}"),
    ),
    "action that sends a code": Case(
        {"action": {"send_qris": {"amount": 50000}}},
        (*ROWS, *TURN, "action-recorded", *OUT, "before-send:2", "sent:2"), ("image", "caption", "payment"),
    ),
    "agent": Case({"agent": "Ceritakan soal {event.order}."}, ROWS + TURN + MODEL + OUT, ("cerita {order}",)),
    "agent that sends a picture": Case(
        {"agent": "Kirim gambar soal {event.order}."},
        ("model-recorded", "model-recorded:2", "action-recorded", "before-commit", *OUT, "before-send:2", "sent:2"),
        ("cerita {order}", "image"),
    ),
    "tag": Case({"tag": {"add": ["{order}"]}}, ROWS + OUT, ("tag",)),
    "lifecycle": Case({"lifecycle": "Customer"}, ROWS + OUT, ("lifecycle",)),
    "assign": Case({"assign": "budi@example.com"}, ROWS + OUT, ("assigned",)),
    "note": Case({"note": "catatan {event.order}"}, ROWS + OUT, ("catatan {order}",)),
    "wait": Case(
        {"wait": "1s"}, (*ROWS, "workflow-step:2", "workflow-stepped:2", "workflow-step:3", "workflow-stepped:3"), ()
    ),
    "wait until replied": Case({"wait": "1s", "until": "replied"}, (*ROWS, "workflow-step:2", "workflow-step:3"), ()),
    "post": Case({"post": {"url": "{told}"}}, ROWS + POST, ("told {order}",)),
    "post without a contact": Case({"post": {"url": "{told}"}}, ROWS + POST, ("told {order}",), alone=True),
    "action without a contact": Case(
        {"action": CANCEL}, (*ROWS, *EFFECT[:2]), ("cancelled {order}",), alone=True
    ),
    "action without a contact that cannot be repeated": Case(
        {"action": {"cancel_once": CANCEL["cancel_order"]}}, EFFECT[:2], ("cancelled {order}",),
        may_fail=EFFECT[:2], alone=True,
    ),
    "wait without a contact": Case({"wait": "1s"}, (*ROWS, "workflow-step:2", "workflow-stepped:2"), (), alone=True),
}  # fmt: skip


def test_no_kind_of_step_is_forgotten() -> None:
    steps = [case.step for case in CASES.values()]
    assert {name for step in steps for name in step} == set(Step.model_fields)
    sends = [step["send"] for step in steps if isinstance(step.get("send"), dict)]
    assert {name for send in sends for name in send} == set(SendStep.model_fields)


def test_no_kill_point_is_forgotten() -> None:
    code = Path(__file__).parents[2] / "agent"
    named = {name for file in code.rglob("*.py") for name in re.findall(r'\bpoint\("([\w-]+)"\)', file.read_text())}
    killed = {point.partition(":")[0] for case in CASES.values() for point in case.points}
    assert named == killed | ELSEWHERE
    assert not killed & ELSEWHERE


def _configure(here: World, case: Case, store: Shop, receiver: Receiver) -> None:
    colleague = here.sandbox.state.workspace.users[0].email
    step = json.loads(
        json.dumps(case.step).replace("{told}", receiver.url).replace("{order}", "dibeli").replace("budi@example.com", colleague)
    )  # fmt: skip
    after = {"post": {"url": receiver.url, "json": {"after": "{event.order}"}}}
    last = (
        after if case.alone or case.closed or "assign" in step else {"send": ENDS.replace("{order}", "{event.order}")}
    )
    (here.folder / "menu.png").write_bytes(PICTURE)
    request = {"method": "POST", "url": f"{store.url}/orders/{{order_id}}/cancel"}
    declared = store.actions(request=request | {"idempotent": True}, claims=["tidak pernah dikatakan"])[0]
    here.config |= {
        "workflows": [{"name": "order", "on": "webhook", "token": TOKEN, "do": [step, last]}],
        "actions": [
            declared,
            declared | {"name": "cancel_once", "request": request},
            declared | {"name": "cancel_asked", "confirm": "Batalkan {order_id}?"},
            {"builtin": "send_file", "files": ["menu.png"]},
            {"builtin": "send_qris"},
        ],
        "payments": {"qris": {"payload": STATIC}},
        "network": private(),
        "conversation": {"quiet_window": {"finished": "0s", "unfinished": "0s", "longest": "0s"}},
    }
    here.model.answer = _tells


def _tells(asked: Asked) -> Answer:
    """What the model says to an instruction about an order; a picture is sent first where it asks for one."""
    instruction = next(line for line in reversed(asked.conversation) if "soal " in line or line == "halo")
    if "gambar" in instruction and not asked.results:
        return {"call": "send_file", "arguments": {"file": "menu.png"}}
    return f"cerita {instruction.partition('soal ')[2][:8]}"


async def _first(here: World, case: Case, count: int) -> list[Contact]:
    """Customers who have written and were answered."""
    people = [here.sandbox.phone(f"+62812{number:08d}", "Budi") for number in range(count)]
    for person in people:
        here.sandbox.state.say(person, "halo", case.channel)
    async with asyncio.timeout(120):
        while {message.contact for message in here.sandbox.sent()} != {person.id for person in people}:
            await asyncio.sleep(0.1)
    await here.settled()
    return people


async def _tell(here: World, case: Case, order: str, person: Contact) -> bool:
    """Tell of an order, twice, until it is taken; False when the process dies before."""
    told = {"event_id": order, "order": order} | ({} if case.alone else {"contact": str(person.id)})
    for _ in range(2):
        while True:
            with suppress(httpx.HTTPError):  # the process was killed with the request in hand
                if (await call(here, "order", told)).status_code == 200:
                    break
            if here.agent is not None and here.agent.returncode is not None:
                return False
            await asyncio.sleep(0.05)
    return True


@pytest.mark.parametrize("name", CASES)
async def test_a_kill_at_any_point_of_any_step_loses_nothing_and_repeats_nothing(tmp_path: Path, name: str) -> None:
    case, receiver = CASES[name], Receiver()
    async with receiver.up(), shop() as store, world(tmp_path) as here:
        _configure(here, case, store, receiver)
        await here.start()
        people = await _first(here, case, len(case.points))
        await here.stop()
        if case.closed:
            rows(here, "UPDATE contact SET last_inbound_at = NULL")
        greeted = {person.id: len(here.sandbox.sent(person)) for person in people}
        orders = {f"KS-{10000 + number}": person for number, person in enumerate(people)}
        for point, (order, person) in zip(case.points, orders.items(), strict=True):
            await here.start(environment={"BALAS_KILL_AT": point})
            await _tell(here, case, order, person)
            await here.died(within=120)
        await here.start()
        for order, person in orders.items():
            assert await _tell(here, case, order, person)
        failed = await _ended(here, case, orders, receiver)
        assert failed <= {order for point, order in zip(case.points, orders, strict=True) if point in case.may_fail}
        for order, person in orders.items():
            messages = here.sandbox.sent(person)[greeted[person.id] :]
            expected = [one.replace("{order}", order) for one in case.seen]
            seen = _seen(here, case, order, person, messages, store, receiver)
            if order in failed:
                assert seen in ([], expected), f"{name}: {order}"
            else:
                assert seen == [*expected, ENDS.replace("{order}", order)], f"{name}: {order}"


async def _ended(here: World, case: Case, orders: dict[str, Contact], receiver: Receiver) -> set[str]:
    """Wait until every run has ended and all is delivered; the orders whose runs have failed."""
    open_runs = "SELECT 1 FROM workflow_run WHERE state = 'running'"
    unsent = "SELECT 1 FROM outbound WHERE state IN ('pending', 'sending', 'uncertain')"
    untold = "SELECT 1 FROM webhook_delivery WHERE state IN ('pending', 'sending')"
    async with asyncio.timeout(240):
        while len(rows(here, "SELECT 1 FROM workflow_run")) < len(orders) or any(
            rows(here, each) for each in (open_runs, unsent, untold)
        ):
            await asyncio.sleep(0.2)
    await here.settled(2)
    states = rows(here, "SELECT event, state FROM workflow_run")
    assert len(states) == len(orders)
    assert {state for _, state in states} <= {"done", "failed"}
    return {event.rpartition("/")[2] for event, state in states if state == "failed"}


def _seen(
    here: World, case: Case, order: str, person: Contact, messages: list[Message], store: Shop, receiver: Receiver
) -> list[str]:
    """What the world has seen of an order: of the step, then of the one after it."""
    kind = next(iter(case.step))
    texts = [_words(message) for message in messages]
    told = {headers["x-balas-event-id"]: json.loads(body) for headers, body in receiver.calls}
    after = [f"selesai {body['after']}" for body in told.values() if body.get("after") == order]
    current = here.sandbox.phone(str(person.phone))
    found = {
        "post": [f"told {order}" for body in told.values() if (body.get("data") or {}).get("order") == order],
        "action": [f"cancelled {order}"] * store.cancelled[order],
        "tag": ["tag"] * current.tags.count("dibeli"),
        "lifecycle": ["lifecycle"] * (current.lifecycle == "Customer"),
        "assign": ["assigned"] * (current.assignee is not None),
        "note": _notes(here, f"catatan {order}"),
    }.get(kind, [])
    if "send_qris" in str(case.step):
        texts = ["caption" if "Rp50.000" in text else text for text in texts]
        paid = rows(here, "SELECT 1 FROM payment WHERE contact = ?", str(person.id))
        texts[2:2] = ["payment"] * len(paid)
    return [*found, *texts, *after]


def _words(message: Message) -> str:
    content = message.content
    if content["type"] == "whatsapp_template":
        (body,) = content["template"]["components"]
        return f"{content['template']['name']} {body['parameters'][0]['text']}"
    return str(content.get("text") or content["attachment"]["type"])


HELD = "SELECT payload FROM outbound WHERE lane = 'desk' AND state = 'failed' AND may_have_been_sent"


def _notes(here: World, text: str) -> list[str]:
    """The notes that say this; one that stands among the dead instead counts, too: no platform says whether it has it."""
    left = [comment.text for comment in here.sandbox.state.conversations.comments.values()]
    held = [json.loads(payload)["text"] for (payload,) in rows(here, HELD)]
    return [each for each in left if each == text] or [each for each in held if each == text]
