"""Profiles: what the platform knows of contacts beyond its webhooks, cached in the ledger: custom fields and all tags."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from actions.errors import FieldRefused, FieldUnknown
from agent import slots
from agent.ledger import contacts, outbound
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from messaging.admission import admitted_contact
from messaging.errors import Invalid, PlatformError, UnknownField
from messaging.platform import Capabilities, Platform
from messaging.types import Contact, FieldValue

log = structlog.get_logger()

KEPT = timedelta(days=1)
"""How long a profile counts as read, where no webhook says that it changed."""

_PATIENCE = 5.0
"""Seconds that a turn waits for the platform's answer; after that it goes on with the profile as it was known."""


class Profiles:
    """Reads profiles for turns that need them. `wanted`: agent.yaml uses what only the whole contact tells."""

    def __init__(
        self, platforms: Mapping[str, Platform], database: Database, *, wanted: bool, clock: Callable[[], datetime]
    ) -> None:
        self._platforms = platforms
        self._database = database
        self._wanted = wanted
        self._clock = clock

    async def current(self, state: ContactState) -> ContactState:
        """Read the contact's whole profile from the platform, when it is not known or may have changed.

        Args:
            state: the contact as the ledger has it.

        Returns:
            The contact with its profile; `state` itself when nothing had to be read, or the platform did not answer.

        Raises:
            LedgerUnavailable: the profile cannot be kept.
        """
        now = self._clock()
        platform = self._platforms.get(state.key.platform)
        if platform is None or not platform.capabilities.profiles:
            return state
        if state.profile_at is None and not self._wanted:
            return state
        if state.profile_at is not None and now - state.profile_at < KEPT:
            return state
        try:
            async with slots.released(), asyncio.timeout(_PATIENCE):
                whole = admitted_contact(await platform.contact(state.key))
                whole = _with_kept(whole, state.contact, platform.capabilities)
        except (PlatformError, TimeoutError) as error:
            log.warning("profile_not_read", contact=str(state.key), reason=str(error) or "no answer in time")
            return state

        def take_over(connection: Connection) -> ContactState | None:
            contacts.replace_profile(connection, whole, now)
            contacts.anticipate(connection, state.key, outbound.unfinished(connection, state.key))
            return contacts.load(connection, state.key)

        known = await self._database.write(take_over)
        return state if known is None else replace(state, contact=known.contact, profile_at=now)

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """Put fields into the platform's format; while it does not answer, they stay as they are.

        Args:
            fields: standard and custom fields by name.

        Raises:
            FieldRefused: the field cannot hold such a value; the message shows one that it can.
            FieldUnknown: agent.yaml names a field that the platform does not have.
        """
        exact = (one for one in self._platforms.values() if one.capabilities.contact_fields == "custom")
        platform = next(exact, next(iter(self._platforms.values()), None))
        if platform is None:
            return dict(fields)
        try:
            return dict(await platform.in_format(fields))
        except UnknownField as error:
            log.error("contact_field_unknown", reason=error.message)
            raise FieldUnknown(error.message) from error
        except Invalid as error:
            raise FieldRefused(error.message) from error
        except PlatformError as error:
            log.warning("contact_fields_not_read", reason=str(error))
            return dict(fields)


def _with_kept(whole: Contact, known: Contact, can: Capabilities) -> Contact:
    """The platform's contact, with what only the ledger keeps because the platform has no place for it."""
    return replace(
        whole,
        tags=whole.tags if can.tags else known.tags,
        lifecycle=whole.lifecycle if can.lifecycle else known.lifecycle,
        custom_fields=whole.custom_fields if can.contact_fields == "custom" else known.custom_fields,
    )
