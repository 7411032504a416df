"""The message templates of the channels, looked up once an hour at most."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from messaging.aelyst.space import Space
from messaging.aelyst.templates import fill
from messaging.errors import Invalid
from messaging.types import ChannelTemplate, Template

KEPT = timedelta(hours=1)
"""How long a list of templates is taken to be what the platform has."""


class TemplateLibrary:
    """The templates of a workspace. `channels` whose source is no WhatsApp have none and are not asked."""

    def __init__(self, space: Space, clock: Callable[[], datetime]) -> None:
        self._space = space
        self._clock = clock
        self._known: dict[str, tuple[datetime, list[ChannelTemplate]]] = {}

    async def all(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        """What a channel has, or all channels, asked for now."""
        found: list[ChannelTemplate] = []
        for one in [channel] if channel is not None else await self._whatsapp():
            found += await self._fetch(one)
        return found

    async def filled(self, template: Template, channel: str | None = None) -> Template:
        """The template with its components, made from its `values`.

        Raises:
            Invalid: the platform has no such template, or the values do not fit its placeholders.
        """
        for one in [channel] if channel is not None else await self._whatsapp():
            found = _named(self._remembered(one), template) or _named(await self._fetch(one), template)
            if found is not None:
                return fill(found, template.values)
        raise Invalid(
            f"the platform has no template {template.name!r} in {template.language!r}; `balas check --online` lists what is missing"
        )

    async def _whatsapp(self) -> list[str]:
        return [channel.id async for channel in self._space.channels() if "whatsapp" in (channel.source or "whatsapp")]

    def _remembered(self, channel: str) -> list[ChannelTemplate]:
        at, found = self._known.get(channel, (None, []))
        return found if at is not None and self._clock() - at < KEPT else []

    async def _fetch(self, channel: str) -> list[ChannelTemplate]:
        found = [template async for template in self._space.templates(channel)]
        self._known[channel] = (self._clock(), found)
        return found


def _named(templates: Sequence[ChannelTemplate], wanted: Template) -> ChannelTemplate | None:
    return next((one for one in templates if (one.name, one.language) == (wanted.name, wanted.language)), None)
