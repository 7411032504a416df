"""The steps of a turn: what was done, with its result, so that a turn that was killed need not do it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from agent.ledger.schema import step as table
from agent.ledger.schema import turn
from messaging.types import ContactKey


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


def _step(row: Row[Any]) -> Step:
    return Step(**row._mapping)


def of_turn(connection: Connection, turn_id: str) -> list[Step]:
    """All steps of a turn, in order."""
    return [_step(row) for row in connection.execute(select(table).where(table.c.turn == turn_id).order_by(table.c.n))]


def start(
    connection: Connection, turn_id: str, *, key: str, kind: str, name: str, input_hash: str, given: Any, at: datetime
) -> None:
    """Write down that something begins; used before an effect, so that a crash leaves it visible."""
    connection.execute(
        insert(table).values(
            turn=turn_id,
            n=_next_n(turn_id),
            key=key,
            kind=kind,
            name=name,
            input_hash=input_hash,
            input=given,
            started_at=at,
            tokens=0,
            cost=0.0,
        )
    )


def finish(connection: Connection, turn_id: str, key: str, *, output: Any, at: datetime) -> None:
    """Complete a step that was started."""
    connection.execute(
        update(table).where(table.c.turn == turn_id, table.c.key == key).values(output=output, finished_at=at)
    )


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
    finished_at: datetime,
    tokens: int = 0,
    cost: float = 0.0,
) -> None:
    """Write a step that is over."""
    connection.execute(
        insert(table).values(
            turn=turn_id,
            n=_next_n(turn_id),
            key=key,
            kind=kind,
            name=name,
            input_hash=input_hash,
            input=given,
            output=output,
            started_at=started_at,
            finished_at=finished_at,
            tokens=tokens,
            cost=cost,
        )
    )


def _next_n(turn_id: str) -> Any:
    return select(func.coalesce(func.max(table.c.n), 0) + 1).where(table.c.turn == turn_id).scalar_subquery()


def action_results(connection: Connection, key: ContactKey, limit: int = 50) -> list[tuple[str, Any]]:
    """Names and outputs of the newest finished actions of a contact's conversation, oldest first."""
    rows = connection.execute(
        select(table.c.name, table.c.output)
        .join(turn, turn.c.id == table.c.turn)
        .where(
            turn.c.platform == key.platform,
            turn.c.contact == key.id,
            table.c.kind == "action",
            table.c.finished_at.is_not(None),
        )
        .order_by(table.c.finished_at.desc())
        .limit(limit)
    ).all()
    return [(row.name, row.output) for row in reversed(rows)]
