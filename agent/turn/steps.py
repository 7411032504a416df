"""The step log of a turn: what was done is recorded with its result, and found again when the turn is resumed."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from actions.action import Outcome
from agent.ledger import steps as table
from agent.ledger.database import Database, Work, write_with_retry
from agent.ledger.steps import EFFECT, Step
from agent.telemetry import spans

log = structlog.get_logger()
T = TypeVar("T")


_BEFORE_AN_EFFECT = timedelta(seconds=8)
"""How long an effect waits for the ledger: what is left of a lease that was just about to be renewed is twice as long."""


def input_hash(value: Any) -> str:
    """A short fingerprint of a step's input: equal input, equal hash, also after a restart."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


_STATUSES = ("[refused]", "[failed]", "[unknown]", "[confirm]", "[done]")


def told(outcome: Outcome) -> str:
    """Put an outcome as the model reads it: with its status in brackets, which is left out where it is done and cannot be mistaken."""
    plain = outcome.status == "done" and not outcome.content.startswith(_STATUSES)
    return outcome.content if plain else f"[{outcome.status}] {outcome.content}"


class StepLog:
    """The steps of one turn. It is filled with what an earlier run of the same turn left behind.

    A key names the place in the turn (`model/2`, `action/1/call_x`), the hash of the input what was done there. When the
    place is reached again with another input (the configuration changed between the crash and the restart), the old step
    does not count.
    """

    def __init__(
        self, database: Database, turn: str, recorded: Sequence[Step], *, clock: Callable[[], datetime], context: str
    ) -> None:
        self.turn = turn
        self.tokens = sum(step.tokens for step in recorded)
        self.cost = sum(step.cost for step in recorded)
        self.charged = self.cost  # by the earlier run: what the day has cost holds it already
        self._database = database
        self._clock = clock
        self._context = context
        self._steps = {step.key: step for step in recorded}
        self._places = {_place(step.key) for step in recorded}
        self._notes: list[Work[None]] = []

    def finished(self, key: str, given: Any) -> Step | None:
        """The finished step at this place with this input."""
        step = self._at(key, given)
        return step if step is not None and step.finished_at is not None else None

    def recorded(self, key: str) -> bool:
        """Whether an earlier run of the turn has reached this place."""
        return key in self._places

    def outputs(self, kind: str) -> list[Any]:
        """What the finished steps of a kind returned."""
        return [step.output for step in self._steps.values() if step.kind == kind and step.output is not None]

    def effects(self) -> list[Step]:
        """The finished effects of an earlier run."""
        return [step for step in self._steps.values() if step.key.startswith(EFFECT) and step.finished_at is not None]

    def interrupted(self, key: str, given: Any) -> bool:
        """Whether the step was begun by a process that died before it was finished."""
        step = self._at(key, given)
        return step is not None and step.finished_at is None

    def _at(self, key: str, given: Any) -> Step | None:
        """What was recorded at this place with this input. Most places are new, and hashing a long history takes time."""
        return self._steps.get(_full(key, given)) if key in self._places else None

    async def start(self, key: str, kind: str, name: str, given: Any, *, shown: Any = None) -> None:
        """Write an effect down before it happens.

        Args:
            key: the place in the turn.
            kind: what kind of step.
            name: of the action.
            given: its input, as JSON.
            shown: kept instead of `given`.

        Raises:
            LedgerUnavailable: it is not written, so the effect must not happen.
            LeaseLost: another worker has begun it.
        """
        full, now = _full(key, given), self._clock()
        await self.flush()
        await write_with_retry(
            self._database,
            lambda connection: table.record(
                connection,
                self.turn,
                key=full,
                kind=kind,
                name=name,
                input_hash=_digest(full),
                given=given if shown is None else shown,
                output=None,
                started_at=now,
                finished_at=None,
            ),
            _BEFORE_AN_EFFECT,
        )
        self._keep(full, kind, name, given, None, now, None)

    async def finish(self, key: str, kind: str, name: str, given: Any, output: Any) -> None:
        """Complete what `start` began. Arguments as in `record`."""
        full, now = _full(key, given), self._clock()
        started = self._steps[full].started_at
        await write_with_retry(
            self._database, lambda connection: table.finish(connection, self.turn, full, output=output, ended=now)
        )
        self._keep(full, kind, name, given, output, started, now)

    async def record(
        self,
        key: str,
        kind: str,
        name: str,
        given: Any,
        output: Any,
        *,
        started_at: datetime,
        tokens: int = 0,
        cost: float = 0.0,
        shown: Any = None,
    ) -> None:
        """Write down something that is over, together with what was noted before.

        Args:
            key: the place in the turn.
            kind: what kind of step.
            name: of the model, action or store.
            given: its input, as JSON; its hash decides whether a resumed turn may use the step.
            output: as JSON.
            started_at: when it began, aware UTC.
            tokens: what it used.
            cost: in US dollars.
            shown: kept instead of `given`, where that would repeat what is known.

        Raises:
            LedgerUnavailable: the ledger does not answer.
            LeaseLost: another worker has been here.
        """
        self.note(key, kind, name, given, output, started_at=started_at, tokens=tokens, cost=cost, shown=shown)
        await self.flush()

    def note(
        self,
        key: str,
        kind: str,
        name: str,
        given: Any,
        output: Any,
        *,
        started_at: datetime,
        tokens: int = 0,
        cost: float = 0.0,
        shown: Any = None,
    ) -> None:
        """Note something that is over: it is written together with the next step. Arguments as in `record`."""
        full, now = _full(key, given), self._clock()

        def write(connection: Connection) -> None:
            written = table.record(
                connection,
                self.turn,
                key=full,
                kind=kind,
                name=name,
                input_hash=_digest(full),
                given=given if shown is None else shown,
                output=output,
                started_at=started_at,
                finished_at=now,
                tokens=tokens,
                cost=cost,
            )
            if written and cost:  # the day's limit counts turns that run; the commit writes the sum
                table.charge(connection, self.turn, tokens=tokens, cost=cost)

        self._notes.append(write)
        self.tokens += tokens
        self.cost += cost
        self._keep(full, kind, name, given, output, started_at, now)

    def along(self, work: Work[None]) -> None:
        """Write something else in the transaction of the next step."""
        self._notes.append(work)

    async def read(self, work: Work[T]) -> T:
        """Read from the ledger beside the steps.

        Raises:
            LedgerUnavailable: the ledger does not answer.
        """
        return await self._database.read(work)

    async def flush(self) -> None:
        """Write what was only noted."""
        works, self._notes = self._notes, []
        if works:
            await write_with_retry(self._database, lambda connection: [work(connection) for work in works])

    def _keep(
        self, key: str, kind: str, name: str, given: Any, output: Any, started: datetime, finished: datetime | None
    ) -> None:
        n = self._steps[key].n if key in self._steps else len(self._steps) + 1
        self._places.add(_place(key))
        self._steps[key] = Step(self.turn, n, key, kind, name, _digest(key), given, output, started, finished)
        if finished is not None:
            milliseconds = round((finished - started).total_seconds() * 1000, 1)
            log.info("step", turn=self.turn, contact=self._context, step=kind, name=name, ms=milliseconds)
            spans.step(self.turn, kind, name, given, output, started, finished)


def _full(key: str, given: Any) -> str:
    return f"{key}#{input_hash(given)}"


def _place(full: str) -> str:
    return full.rpartition("#")[0]


def _digest(full: str) -> str:
    return full.rpartition("#")[2]
