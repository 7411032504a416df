"""The steps of a turn: what was done, with its result, so that a turn that was killed need not do it again."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update

from agent.ledger.database import at, change, insert_of, is_postgres, where
from agent.ledger.errors import LeaseLost
from agent.ledger.statement import Statement
from agent.ledger.tables import step as table
from agent.ledger.tables import turn
from messaging.types import ContactKey

_OF_TURN = Statement(select(table).where(where(table, "turn")).order_by(table.c.n))
_NEXT_N = select(func.coalesce(func.max(table.c.n), 0) + 1).where(table.c.turn == bindparam("turn")).scalar_subquery()
_COLUMNS = (
    "turn",
    "key",
    "kind",
    "name",
    "input_hash",
    "input",
    "output",
    "started_at",
    "finished_at",
    "tokens",
    "cost",
)
_THIS = Statement(select(table.c.input_hash, table.c.started_at).where(where(table, "turn", "key")))
_CHARGE = Statement(
    update(turn)
    .where(turn.c.id == bindparam("charged"))
    .values(tokens=turn.c.tokens + bindparam("more_tokens"), cost=turn.c.cost + bindparam("more_cost"))
)
_CALLS = Statement(
    select(table.c.turn, table.c.key, table.c.name, table.c.input, table.c.output)
    .where(
        table.c.turn.in_(
            select(turn.c.id)
            .where(where(turn, "platform", "contact"))
            .order_by(turn.c.started_at.desc())
            .limit(at("limit"))
        ),
        table.c.kind == "action",
        table.c.finished_at.is_not(None),
    )
    .order_by(table.c.finished_at.desc())
    .limit(at("limit"))
)
_RESULTS = Statement(
    select(table.c.name, table.c.output)
    .join(turn, turn.c.id == table.c.turn)
    .where(where(turn, "platform", "contact"), table.c.kind == "action", table.c.finished_at.is_not(None))
    .order_by(table.c.finished_at)
)
_DEEDS = Statement(
    select(table.c.name, table.c.input, table.c.output)
    .join(turn, turn.c.id == table.c.turn)
    .where(where(turn, "platform", "contact"), table.c.kind == "action", table.c.started_at >= at("since"))
    .order_by(table.c.started_at)
)


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded thing. `finished_at` is `None` while it runs, and stays so when the process died meanwhile."""

    turn: str
    n: int
    key: str
    kind: str
    name: str
    input_hash: str
    input: Any
    output: Any
    started_at: datetime
    finished_at: datetime | None
    tokens: int = 0
    cost: float = 0.0


def _step(row: Any) -> Step:
    return Step(**row._asdict())


def of_turn(connection: Connection, turn_id: str) -> list[Step]:
    """List all steps of a turn, in order."""
    return [_step(row) for row in _OF_TURN.all(connection, {"at_turn": turn_id})]


EFFECT = "effect/"
"""How the place of an effect begins."""


def has_effects(connection: Connection, turn_id: str) -> bool:
    """Tell whether a turn has begun anything that changes something, finished or not."""
    begun = select(exists().where(table.c.turn == turn_id, table.c.key.startswith(EFFECT, autoescape=True)))
    return bool(connection.execute(begun).scalar())


def finish(connection: Connection, turn_id: str, key: str, *, output: Any, ended: datetime) -> None:
    """Complete a step that `record` has written without `finished_at`."""
    change(connection, table, {"turn": turn_id, "key": key}, {"output": output, "finished_at": ended})


def record(
    connection: Connection,
    turn_id: str,
    *,
    key: str,
    kind: str,
    name: str,
    input_hash: str,
    given: Any,
    output: Any,
    started_at: datetime,
    finished_at: datetime | None,
    tokens: int = 0,
    cost: float = 0.0,
) -> bool:
    """Write a step: one that is over, or, without `finished_at`, an effect before it happens, so that a crash leaves it visible.

    Writing it again changes nothing: a caller that lost the connection cannot know whether the first time was committed.

    Args:
        key: place of the step in its turn, for example `model/2`.
        kind: what it is: `model`, `action`, ….
        input_hash: tells the same step from a different one with the same key.
        given: the input, as JSON; to be read by people.
        output: the result, as JSON; a resumed turn uses it instead of repeating the step.
        tokens: given and returned.
        cost: in US dollars.

    Returns:
        Whether it is new.

    Raises:
        LeaseLost: another worker has recorded a different step under this key.
    """
    written = _append(is_postgres(connection)).first(
        connection,
        {
            "turn": turn_id,
            "key": key,
            "kind": kind,
            "name": name,
            "input_hash": input_hash,
            "input": given,
            "output": output,
            "started_at": started_at,
            "finished_at": finished_at,
            "tokens": tokens,
            "cost": cost,
        },
    )
    if written is None:
        there = _THIS.first(connection, {"at_turn": turn_id, "at_key": key})
        if (there.input_hash, there.started_at) != (input_hash, started_at):
            raise LeaseLost(f"step {key} of turn {turn_id} was done by another worker")
        return False
    return True


def charge(connection: Connection, turn_id: str, *, tokens: int, cost: float) -> None:
    """Add to what a turn has cost so far, in US dollars: the day's limit counts it from now on."""
    _CHARGE.count(connection, {"charged": turn_id, "more_tokens": tokens, "more_cost": cost})


@cache
def _append(postgres: bool) -> Statement:
    make = insert_of(postgres)
    values: dict[str, Any] = {name: bindparam(name) for name in _COLUMNS} | {"n": _NEXT_N}
    adding = make(table).values(values).on_conflict_do_nothing(index_elements=["turn", "key"])
    return Statement(adding.returning(table.c.n))


def actions_since(connection: Connection, key: ContactKey, since: datetime) -> list[tuple[str, Any, Any]]:
    """Names, inputs and outputs of a contact's actions since a time, oldest first; no output where it was not finished."""
    rows = _DEEDS.all(connection, {"at_platform": key.platform, "at_contact": key.id, "at_since": since})
    return [(row.name, row.input, row.output) for row in rows]


@dataclass(frozen=True, slots=True)
class PastCall:
    """A finished action. `place` is that of the call (`action/2/1`), `output` a packed outcome."""

    turn: str
    place: str
    name: str
    arguments: dict[str, Any]
    output: dict[str, Any]


def calls(connection: Connection, key: ContactKey, limit: int = 100) -> list[PastCall]:
    """List the newest finished actions of a contact, at most `limit` of as many turns, oldest first."""
    rows = _CALLS.all(connection, {"at_platform": key.platform, "at_contact": key.id, "at_limit": limit})
    return [
        PastCall(
            row.turn,
            row.input.get("place") or row.key.partition("#")[0],
            row.name,
            row.input.get("arguments", {}),
            row.output,
        )
        for row in reversed(rows)
    ]


def results(connection: Connection, key: ContactKey) -> dict[str, list[Any]]:
    """Collect what all actions of a contact returned that were done, by name, oldest first: however long ago."""
    found: dict[str, list[Any]] = {}
    for row in _RESULTS.all(connection, {"at_platform": key.platform, "at_contact": key.id}):
        if row.output["status"] == "done":
            found.setdefault(row.name, []).append(row.output["data"])
    return found
