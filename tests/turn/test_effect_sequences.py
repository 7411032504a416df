"""Effects counted where they arrive: however the model repeats itself and wherever the process dies, each is done once."""

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.guard import guarded_client
from actions.identity import canonical
from agent.ledger.sqlite import SqliteDatabase
from agent.turn import perform
from tests.actions.conftest import TLS
from tests.actions.http.declared import opened
from tests.ledger.messages import message
from tests.turn.harness import Desk, calls, says
from tests.voice.servers import Reply, Request, serve

SPELLED = ("KS-{}", "ks-{} ", "KS-{}\u200b", " Ks-{}")
NOTES = ({}, {"note": "sudah lama"}, {"note": "please"}, {"note": ""})
POINTS = ("effect-started", "effect-done", "action-recorded")
ANSWERS = {"ok": 200, "busy": 503, "broken": 500, "refused": 422}


@dataclass(frozen=True)
class Call:
    """What the model calls: which order in which spelling, with which note, and how the business answers the first time."""

    order: int
    spelled: int = 0
    note: int = 0
    answer: str = "ok"

    @property
    def arguments(self) -> dict[str, Any]:
        return {"order_id": SPELLED[self.spelled].format(self.order), **NOTES[self.note]}


@dataclass
class Business:
    """Answers as told, and keeps what it did: by order, the keys with which it was told to."""

    answers: dict[str, str]
    done: dict[str, list[str]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def refund(self, request: Request) -> Reply:
        order = str(canonical(json.loads(request.body)["order_id"], {}))
        self.told[order] += 1
        answer = self.answers.get(order, "ok") if self.told[order] == 1 else "ok"
        if answer in ("ok", "broken"):
            self.done.setdefault(order, []).append(request.headers["Idempotency-Key"])
        return Reply(ANSWERS[answer], {"Content-Type": "application/json"}, b'{"status": "refunded"}')


class Died(BaseException):
    """The process was killed."""


async def played(
    empty_ledger: Path,
    turn_calls: list[Call],
    business: Business,
    *,
    per_turn: int,
    idempotent: bool,
    dies: str | None,
    confirm: bool,
) -> None:
    def pass_(name: str) -> None:
        nonlocal dies
        if name == dies:
            dies = None
            raise Died

    was, perform.point = perform.point, pass_  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder, serve(business.refund) as api:
        shutil.copy(empty_ledger, Path(folder) / "ledger.db")
        database = SqliteDatabase(Path(folder) / "ledger.db")
        async with guarded_client(["127.0.0.1"], ssl_context=TLS) as client:
            action = opened(
                client,
                name="refund",
                description="Refund an order.",
                effect=True,
                per_turn=per_turn,
                confirm="Refund {order_id}?" if confirm else None,
                parameters={"order_id": {}, "note": {"optional": True}},
                request={
                    "method": "POST",
                    "url": api.url,
                    "json": {"order_id": "{order_id}", "note": "{note}"},
                    "retries": 2,
                    "idempotent": idempotent,
                },
            )
            desk = Desk(database, actions=[action], client=client)  # type: ignore[list-item]
            try:
                told = [calls("refund", f"c{n}", **call.arguments) for n, call in enumerate(turn_calls)]
                desk.model.replies = [*told, *[says("Baik.")] * 3]
                await desk.receive(message(1, "tolong refund KS-1, KS-2 dan KS-3"))
                await resumed(desk)
                for number in (2, 3) if confirm else ():
                    await desk.deliver()
                    desk.now += timedelta(seconds=5)
                    desk.model.replies = [*told, *[says("Baik.")] * 3]
                    await desk.receive(*[replace(message(number, "ya"), sent_at=desk.now)] * 2)
                    await resumed(desk)
            finally:
                perform.point = was  # type: ignore[attr-defined]
                await database.aclose()


async def resumed(desk: Desk) -> None:
    """Answer, and once more after the process has died and its lease ran out."""
    try:
        await desk.answer()
    except Died:
        desk.now += timedelta(minutes=2)
        await desk.answer()


CALLS = st.builds(
    Call,
    st.integers(1, 3),
    st.integers(0, len(SPELLED) - 1),
    st.integers(0, len(NOTES) - 1),
    st.sampled_from(sorted(ANSWERS)),
)


@example([Call(1), Call(1, 1), Call(2), Call(2, 2, 1), Call(3)], 2, False, "effect-done", False)
@example([Call(1, answer="broken"), Call(1, 3), Call(2)], 3, False, "effect-started", False)
@example([Call(1), Call(1, 1, 1)], 1, True, "effect-done", False)
@example([Call(1), Call(1, 2)], 1, False, "effect-done", True)
@example([Call(1), Call(2)], 1, True, "action-recorded", True)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(CALLS, min_size=1, max_size=6),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from((None, *POINTS)),
    st.booleans(),
)
def test_an_effect_arrives_once_however_it_is_repeated_and_interrupted(
    empty_ledger: Path, turn_calls: list[Call], per_turn: int, idempotent: bool, dies: str | None, confirm: bool
) -> None:
    answers = {f"ks-{call.order}": call.answer for call in reversed(turn_calls)}
    business = Business(answers)
    asyncio.run(
        played(empty_ledger, turn_calls, business, per_turn=per_turn, idempotent=idempotent, dies=dies, confirm=confirm)
    )
    for order, keys in business.done.items():
        assert len(set(keys)) == 1, (order, keys)
        assert idempotent or len(keys) == 1, (order, keys)
    assert len({key for keys in business.done.values() for key in keys}) == len(business.done)
    targets = list(dict.fromkeys(f"ks-{call.order}" for call in turn_calls))
    assert len(business.done) <= (2 if confirm else per_turn)  # two questions, two times yes
    if dies is None and set(answers.values()) == {"ok"}:
        wanted = targets[:2] if confirm else targets[:per_turn]
        assert list(business.done) == wanted
