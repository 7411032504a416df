"""Files that a platform had not stored yet when their message came: the message is fetched again, for some seconds.

The turn waits meanwhile under its lease, without a CPU slot: the worker that takes it over after a crash asks again. The result
is a step, so that it is asked for once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import TypeAdapter

from agent import slots
from agent.ledger.history import Line
from agent.turn.steps import StepLog
from messaging.errors import NotFound, PlatformError, Unsupported
from messaging.types import Attachment, ContactKey, InboundMessage, PlatformMessage

log = structlog.get_logger()

WAITS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 15, 15))
"""How long each asking waits after the one before. A file that is not stored after all of them is taken to be lost."""

MOST_LOCATED = 5
"""How many messages of the history are asked for."""

_ATTACHMENTS: TypeAdapter[tuple[Attachment, ...]] = TypeAdapter(tuple[Attachment, ...])

Ask = Callable[[ContactKey, str], Awaitable[PlatformMessage]]
"""Asks the platform of a contact for one of its messages, see `Platform.message`."""


class PendingFiles:
    """Waits for files that the platform is still storing."""

    def __init__(
        self,
        ask: Ask,
        *,
        clock: Callable[[], datetime],
        waits: Sequence[timedelta] = WAITS,
    ) -> None:
        """Ask a platform.

        Args:
            ask: asks for one message.
            clock: the time, aware UTC.
            waits: how long each asking waits after the one before.
        """
        self._ask = ask
        self._clock = clock
        self._waits = waits

    async def stored(self, messages: Sequence[InboundMessage], steps: StepLog) -> list[InboundMessage]:
        """Give messages the files that were pending when they came; all are waited for at once.

        Args:
            messages: in their order.
            steps: the step log of the turn.

        Returns:
            The same messages; a file that never came stays pending.

        Raises:
            LedgerUnavailable: a step cannot be written.
        """
        return list(await asyncio.gather(*(self._stored(message, steps) for message in messages)))

    async def located(self, key: ContactKey, lines: Sequence[Line]) -> tuple[Line, ...]:
        """Give lines of the history the addresses of files that were pending when the agent was silent, asking once for each.

        Args:
            key: whose history.
            lines: as the model will see them; the newest ones that lack an address are asked for.
        """
        found = list(lines)
        lacking = [
            place
            for place, line in enumerate(lines)
            if line.author == "contact" and line.message_id and any(map(_lacks, line.attachments))
        ]
        for place in lacking[-MOST_LOCATED:]:
            line = lines[place]
            try:
                async with slots.released():
                    listed = (await self._ask(key, str(line.message_id))).attachments
            except PlatformError as error:
                log.warning("file_not_stored", message=line.message_id, reason=str(error))
                continue
            if len(listed) == len(line.attachments):
                records = zip(line.attachments, listed, strict=True)
                attachments = tuple({**was, "url": now.url} if _lacks(was) else was for was, now in records)
                found[place] = replace(line, attachments=attachments)
        return tuple(found)

    async def _stored(self, message: InboundMessage, steps: StepLog) -> InboundMessage:
        if not any(attachment.pending for attachment in message.attachments):
            return message
        key, given = f"files/{message.message_id}", {"message": message.message_id}
        if (step := steps.finished(key, given)) is not None:
            return replace(message, attachments=_ATTACHMENTS.validate_python(step.output["attachments"]))
        started_at = self._clock()
        async with slots.released():
            attachments = await self._asked(message)
        output = {"attachments": _ATTACHMENTS.dump_python(attachments, mode="json")}
        await steps.record(key, "files", "platform", given, output, started_at=started_at)
        return replace(message, attachments=attachments)

    async def _asked(self, message: InboundMessage) -> tuple[Attachment, ...]:
        """The message's attachments, once none is pending or the last asking is over."""
        found = message.attachments
        for wait in self._waits:
            await asyncio.sleep(wait.total_seconds())
            try:
                current = await self._ask(message.key, message.message_id)
            except (NotFound, Unsupported) as error:
                log.warning("file_not_stored", message=message.message_id, reason=str(error))
                return found
            except PlatformError as error:  # it may answer the next time
                log.warning("file_not_asked_for", message=message.message_id, reason=str(error))
                continue
            found = merged(found, current.attachments)
            if not any(attachment.pending for attachment in found):
                return found
        log.warning("file_not_stored", message=message.message_id, reason="it is still pending")
        return found


def _lacks(record: Mapping[str, Any]) -> bool:
    return record.get("url") == ""


def merged(known: Sequence[Attachment], listed: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Replace pending attachments by what the platform says of them now.

    Args:
        known: as they came.
        listed: as the platform lists them, in the same order; another number of them says nothing.
    """
    if len(known) != len(listed):
        return tuple(known)
    return tuple(
        now if was.pending and not now.pending and now.url else was for was, now in zip(known, listed, strict=True)
    )
