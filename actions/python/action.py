"""A Python function as an action, under the same guards as any other: schema from its type hints, description from its docstring."""

import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, get_type_hints

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from actions.action import EMPTY, Context, Json, Outcome
from actions.arguments import Arguments, Values
from actions.errors import FunctionError
from actions.http.response import shown
from actions.identity import identifying
from actions.json_schema import readable
from actions.lookups import LookUps
from actions.parameters import Parameter
from actions.python.settings import PythonAction
from actions.redaction import Redactor
from actions.scope import suggest
from actions.template import placeholders
from actions.wording import Wording

log = structlog.get_logger()


class FunctionAction(Wording):
    """One function. A `ValueError` of it is a failure that the model is told; after any other exception an effect is unknown.

    Args:
        settings: its entry of `actions:`.
        function: with type hints; sync ones run in a thread.
        redactor: masks secrets in everything that an outcome says.
        timezone: the agent's, in which a customer's "besok jam 9" is meant.
        look_ups: the reading actions, one of which a refusal may name.

    Raises:
        FunctionError: it cannot be an action; the message says why.
    """

    def __init__(
        self,
        settings: PythonAction,
        function: Callable[..., Any],
        redactor: Redactor,
        timezone: tzinfo = UTC,
        look_ups: LookUps | None = None,
    ) -> None:
        super().__init__(settings)
        self._settings = settings
        self._function = function
        self._redactor = redactor
        self._model, self._context_name = _model_of(settings, function)
        self._arguments = Arguments(_parameters(settings, self._model), timezone, look_ups)
        self._description = settings.description or inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
        if not self._description:
            raise FunctionError(f"{settings.python} has no docstring; write what it does, or set description")

    @property
    def name(self) -> str:
        return self._settings.name or self._settings.function

    @property
    def description(self) -> str:
        return self._description

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self._arguments.schema

    @property
    def effect(self) -> bool:
        return self._settings.effect

    @property
    def reads(self) -> bool:
        return not self._settings.effect

    @property
    def builtin(self) -> str | None:
        return None

    @property
    def idempotent(self) -> bool:
        return self._settings.idempotent or not self._settings.effect

    @property
    def identity(self) -> Sequence[str]:
        if self._settings.identity is not None:
            return self._settings.identity
        notes = {name: one.note for name, one in self._settings.parameters.items() if one.note is not None}
        return identifying(self._arguments.schema, notes)

    @property
    def per_turn(self) -> int | None:
        return self._settings.per_turn

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        values = self._arguments.take(arguments, context)
        return values.visible if isinstance(values, Values) else arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        taken = self._take(arguments, context)
        return taken if isinstance(taken, Outcome) else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        taken = self._take(arguments, context)
        if isinstance(taken, Outcome):
            return taken
        if self._context_name is not None:
            taken[self._context_name] = context
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                if inspect.iscoroutinefunction(self._function):
                    result = await self._function(**taken)
                else:
                    result = await asyncio.to_thread(self._function, **taken)
            data: Json = TypeAdapter(Any).dump_python(result, mode="json")
        except ValueError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        except Exception as error:  # noqa: BLE001 - whatever the operator's code raises is an outcome
            log.warning("function_failed", action=self.name, error=self._redactor.text(repr(error)))
            if self.effect:
                return Outcome("unknown", "The function failed on the way: nobody knows whether it was done.")
            return Outcome("failed", self._redactor.text(f"It was not done: {type(error).__name__}."))
        data = self._redactor(data)
        return Outcome("done", shown(data) if data not in (None, "") else EMPTY, data)

    def _take(self, arguments: Mapping[str, Json], context: Context) -> dict[str, Any] | Outcome:
        values = self._arguments.take(arguments, context)
        if isinstance(values, Outcome):
            return Outcome(values.status, self._redactor.text(values.content))
        try:
            typed = self._model.model_validate(dict(values.all))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return Outcome(
                "refused", f"Nothing was called: {where} is not valid: {first['msg']}. Ask the customer for it."
            )
        return {name: getattr(typed, name) for name in typed.model_fields_set}


def open_function(
    settings: PythonAction,
    folder: Path,
    redactor: Redactor,
    timezone: tzinfo = UTC,
    look_ups: LookUps | None = None,
) -> FunctionAction:
    """Import the function of an entry and make it an action. A path is relative to `folder`.

    Raises:
        FunctionError: it cannot be imported, or cannot be an action.
    """
    return FunctionAction(settings, _imported(settings, folder), redactor, timezone, look_ups)


def _imported(settings: PythonAction, folder: Path) -> Callable[..., Any]:
    place, _, name = settings.python.rpartition(":")
    try:
        module = (
            _module_of_file((folder / place).resolve()) if place.endswith(".py") else importlib.import_module(place)
        )
    except Exception as error:
        raise FunctionError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        functions = [other for other, value in vars(module).items() if inspect.isfunction(value)]
        raise FunctionError(f"{place} has no function {name}{suggest(name, functions)}")
    return function


def _module_of_file(path: Path) -> Any:
    """A file is one module, however many of its functions are actions, so that they share what it holds."""
    name = f"balas_actions_{path.stem}_{abs(hash(str(path))):x}"
    if (known := sys.modules.get(name)) is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _model_of(settings: PythonAction, function: Callable[..., Any]) -> tuple[type[BaseModel], str | None]:
    """The parameters as a pydantic model, and the name of the one that takes the `Context`, which the model never sees."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise FunctionError(f"{settings.python}: a type hint cannot be read: {error}") from error
    fields: dict[str, Any] = {}
    context_name: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise FunctionError(f"{settings.python}: {parameter} has no name of its own; write each parameter out")
        if parameter.name not in hints:
            raise FunctionError(f"{settings.python}: {parameter.name} has no type hint")
        if hints[parameter.name] is Context:
            context_name = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    for name in (*settings.parameters, *(settings.identity or ())):
        if name not in fields:
            raise FunctionError(f"{settings.python} has no parameter {name}{suggest(name, fields)}", name)
    for name in placeholders(settings.confirm.text) if settings.confirm else ():
        if name not in fields:
            raise FunctionError(
                f"confirm names {{{name}}}, but {settings.python} has no such parameter{suggest(name, fields)}"
            )
    try:
        model = create_model(settings.function, __config__=ConfigDict(arbitrary_types_allowed=False), **fields)
    except Exception as error:
        raise FunctionError(f"{settings.python}: a type hint is not one of JSON: {error}") from error
    return model, context_name


def _parameters(settings: PythonAction, model: type[BaseModel]) -> dict[str, Parameter]:
    try:
        schema = model.model_json_schema()
    except Exception as error:
        raise FunctionError(f"{settings.python}: a type hint is not one of JSON: {error}") from error
    needed = set(schema.get("required") or ())
    found: dict[str, Parameter] = {}
    for name, hinted in (schema.get("properties") or {}).items():
        written = settings.parameters.get(name)
        raw = readable(hinted, schema)
        raw.pop("title", None)
        if raw.pop("default", None) is not None or name not in needed:
            raw["optional"] = True  # the function's own default holds
        if written is not None:
            raw |= {key: getattr(written, field) for field, key in _aliases() if field in written.model_fields_set}
        found[name] = Parameter.model_validate(raw)
    return found


def _aliases() -> list[tuple[str, str]]:
    return [(name, field.alias or name) for name, field in Parameter.model_fields.items()]
