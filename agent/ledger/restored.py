"""What a ledger from a backup must not do by itself: send, answer or follow up what may have happened since."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine, update

from agent.ledger import migrate
from agent.ledger.tables import InboundOutcome, broadcast, followup, inbound, outbound, turn


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How many of each were held back."""

    messages: int
    turns: int
    questions: int
    followups: int
    broadcasts: int

    def __bool__(self) -> bool:
        return any((self.messages, self.turns, self.questions, self.followups, self.broadcasts))

    def __str__(self) -> str:
        parts = {
            "messages to send": self.messages,
            "turns": self.turns,
            "unanswered messages": self.questions,
            "follow-ups that were due": self.followups,
            "broadcasts": self.broadcasts,
        }
        return ", ".join(f"{count} {name}" for name, count in parts.items() if count)


def hold_back(ledger: Path, taken_at: datetime, now: datetime) -> HeldBack:
    """Stop what was under way when a backup was taken: after it, the agent may have sent, answered or done it.

    Messages and turns stand among the dead, where each can be tried again by hand; unanswered messages wait for a human, follow-ups
    that have become due are skipped, broadcasts are paused.

    Args:
        ledger: a SQLite file that no agent works on.
        taken_at: when the backup was taken.
        now: the time, aware UTC.
    """
    reason = f"restored from a backup of {taken_at:%Y-%m-%d %H:%M} UTC; this may have happened since"
    engine = create_engine(f"sqlite:///{ledger}")
    try:
        migrate.upgrade(engine)
        with engine.begin() as connection:
            return HeldBack(
                messages=connection.execute(
                    update(outbound)
                    .where(outbound.c.state.in_(("pending", "sending", "uncertain")))
                    .values(state="failed", reason=reason, may_have_been_sent=True)
                ).rowcount,
                turns=connection.execute(
                    update(turn)
                    .where(turn.c.state == "running")
                    .values(state="failed", reason=reason, lease_owner=None, lease_until=None, finished_at=now)
                ).rowcount,
                questions=connection.execute(
                    update(inbound)
                    .where(inbound.c.state == "waiting")
                    .values(state="held", outcome=InboundOutcome.HUMAN, reason=reason)
                ).rowcount,
                followups=connection.execute(
                    update(followup)
                    .where(followup.c.state == "scheduled", followup.c.due_at <= now)
                    .values(state="skipped", reason=reason, ended_at=now)
                ).rowcount,
                broadcasts=connection.execute(
                    update(broadcast).where(broadcast.c.state == "running").values(state="paused")
                ).rowcount,
            )
    finally:
        engine.dispose()
