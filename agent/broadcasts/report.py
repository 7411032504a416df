"""Broadcasts in words for the terminal: the plan before, the report after, the list of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.broadcasts.plan import Prepared
from agent.broadcasts.settings import BroadcastFile
from agent.config import AgentConfig
from agent.ledger.broadcasts import Broadcast
from agent.ledger.reports import STATES, Reason
from settings import format_duration

_MOST_LINES = 20
_MINUTE = timedelta(minutes=1)


def planned(prepared: Prepared, file: BroadcastFile, config: AgentConfig) -> str:
    """What would happen, as `--dry-run` shows it."""
    return "\n".join(_planned(prepared, file, config))


def _planned(prepared: Prepared, file: BroadcastFile, config: AgentConfig) -> Iterator[str]:
    plan, settings = prepared.plan, file.settings
    where = str(prepared.audience.csv) if prepared.audience.csv else "the contacts that the filter finds"
    yield f"{settings.name}: {plan.audience} in {where}"
    kinds = ", ".join(
        f"{count} {kind}" for count, kind in ((plan.texts, "text"), (plan.templates, "template")) if count
    )
    languages = ", ".join(f"{count} {language}" for language, count in plan.languages.most_common())
    yield f"  to send     {plan.to_send}" + (f" ({kinds}; {languages})" if plan.to_send else "")
    if plan.known:
        yield f"  already     {plan.known} are recipients of this broadcast; they get nothing twice"
    if prepared.again:
        yield f"  again       {prepared.again} that failed are tried again"
    for reason, count in plan.skips.most_common():
        yield f"  skipped     {count}: {reason}"
    for kind, count in plan.left_out().items():
        yield f"  {kind:<11} {count}"
        lines = [each for each in plan.bad if each.kind == kind]
        for each in lines[:_MOST_LINES]:
            yield f"    {prepared.audience.csv}:{each.line}: {each.reason}"
        if len(lines) > _MOST_LINES:
            yield f"    … and {len(lines) - _MOST_LINES} more (--json shows all)"
    if plan.strangers:
        yield f"  never wrote {plan.strangers}; who is not on the platform yet will be made a contact there"
    if plan.to_send:
        yield f"  cost        {_rupiah(plan.cost)}" + ("" if plan.cost else " (price says what a message costs)")
        yield f"  when        {_when(prepared, file, config)}"
        yield "  says        " + "\n              ".join(plan.example.splitlines())
    if hint := _hint(prepared, file, config):
        yield f"  note        {hint}"


def plan_record(prepared: Prepared) -> dict[str, Any]:
    """What would happen, as `--dry-run --json` shows it."""
    plan = prepared.plan
    return {
        "name": prepared.broadcast.name,
        "audience": plan.audience,
        "to_send": plan.to_send,
        "texts": plan.texts,
        "templates": plan.templates,
        "languages": plan.languages,
        "recipients_already": plan.known,
        "tried_again": prepared.again,
        "never_wrote": plan.strangers,
        "skipped": plan.skips,
        "left_out": [asdict(each) for each in plan.bad],
        "cost": plan.cost,
        "begins": prepared.broadcast.next_at,
        "seconds": round(plan.takes.total_seconds()),
        "example": plan.example,
    }


def _when(prepared: Prepared, file: BroadcastFile, config: AgentConfig) -> str:
    settings = file.settings
    begins = prepared.broadcast.next_at
    later = begins > prepared.broadcast.created_at
    start = f"{_clock(begins, config.zone)} {config.timezone}" if later else "at once"
    ranges = ", ".join(map(str, settings.between))
    takes = prepared.plan.takes
    shown = format_duration(round(takes / _MINUTE) * _MINUTE) if takes > _MINUTE else "a minute"
    return f"{start}, between {ranges}, {settings.rate}: about {shown} of sending"


def _hint(prepared: Prepared, file: BroadcastFile, config: AgentConfig) -> str | None:
    """A hint where a text does not say how to opt out: customers who cannot stop a broadcast block the number."""
    words = config.conversation.opt_out.words
    text = file.settings.text
    texts = list(text.by_language.values()) if text else []
    if prepared.broadcast.template:
        texts.append(" ".join(str(part.get("text") or part) for part in prepared.broadcast.template))
    if all(any(word.casefold() in each.casefold() for word in words) for each in texts):
        return None
    return f"not every text says how to stop it; {' or '.join(words)} does, e.g. “Balas {words[0].upper()} untuk berhenti.”"


def report(
    broadcast: Broadcast, counts: Mapping[str, int], reasons: Sequence[Reason], zone: ZoneInfo, now: datetime
) -> str:
    """Write for people how far a broadcast is, and why some got nothing.

    Args:
        counts: recipients by state; every one of `STATES` is a key.
        zone: of the business, in which times are shown.
    """
    lines = [f"{broadcast.name}: {_state(broadcast, zone, now)}"]
    lines += [f"  {state:<8} {counts[state]}" for state in STATES]
    lines += [f"    {each.count} {each.state}: {each.reason}" for each in reasons]
    lines += [f"  left out {count} {kind} lines of the file" for kind, count in broadcast.left_out.items()]
    return "\n".join(lines)


def overview(found: Sequence[tuple[Broadcast, Mapping[str, int]]], zone: ZoneInfo, now: datetime) -> str:
    """All broadcasts, one a line."""
    if not found:
        return "no broadcast is recorded"
    width = max(len(broadcast.name) for broadcast, _ in found)
    return "\n".join(
        f"{broadcast.name:<{width}}  {_state(broadcast, zone, now)}  {counts['sent']} of {sum(counts.values())} sent"
        for broadcast, counts in found
    )


def _state(broadcast: Broadcast, zone: ZoneInfo, now: datetime) -> str:
    if broadcast.finished_at is not None:
        return f"{broadcast.state} {_clock(broadcast.finished_at, zone)}"
    if broadcast.state == "running" and broadcast.next_at - now > _MINUTE:
        return f"waits until {_clock(broadcast.next_at, zone)}"
    return f"{broadcast.state}, recorded {_clock(broadcast.created_at, zone)}"


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _rupiah(amount: int) -> str:
    return f"Rp{amount:,}".replace(",", ".")
