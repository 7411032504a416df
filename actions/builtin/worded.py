"""An action made elsewhere, in the operator's own words."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from actions.action import Action, Context, Json, Outcome
from actions.builtin.settings import BuiltinSettings


class Worded:
    """What `{builtin: send_qris, description: …}` says replaces what the action says of itself; what it does stays."""

    def __init__(self, action: Action, settings: BuiltinSettings) -> None:
        self._action = action
        self._settings = settings

    @property
    def builtin(self) -> str:
        return self._action.name

    @property
    def name(self) -> str:
        return self._settings.name or self._action.name

    @property
    def description(self) -> str:
        return self._settings.description or self._action.description

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self._action.parameters

    @property
    def effect(self) -> bool:
        return self._action.effect

    @property
    def idempotent(self) -> bool:
        return self._action.idempotent

    @property
    def confirm(self) -> str | None:
        return self._settings.confirm.text if self._settings.confirm else self._action.confirm

    @property
    def confirm_expires(self) -> timedelta:
        return self._settings.confirm.expires if self._settings.confirm else self._action.confirm_expires

    @property
    def examples(self) -> Sequence[str]:
        return self._settings.examples or self._action.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._settings.claims or self._action.claims

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return await self._action.check(arguments, context)

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return await self._action.run(arguments, context)
