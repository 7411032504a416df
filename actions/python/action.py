"""A Python function as an action, under the same guards as any other: schema from its type hints, description from its docstring."""

import asyncio
import importlib
import importlib.util
import inspect
import json
import sys
import types
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from actions.action import EMPTY, Context, Json, Outcome
from actions.arguments import Arguments, Values, encodable
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

LARGEST: Final = 1_000_000
"""Characters of a result, as JSON, that are kept; of a larger one only what the model is shown."""

_ANY: Final[TypeAdapter[Any]] = TypeAdapter(Any, config=ConfigDict(ser_json_bytes="base64"))


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
        docstring = inspect.cleandoc(function.__doc__ or "")
        self.declared = _parameters(settings, self._model, docstring)
        """Its parameters, bound ones too."""
        self._arguments = Arguments(self.declared, timezone, look_ups)
        self._schema = _with_defaults(self._arguments.schema, self._model)
        self._description = settings.description or docstring.partition("\n\n")[0]
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
        return self._schema

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
        return identifying(self._schema, notes)

    @property
    def per_turn(self) -> int | None:
        return self._settings.per_turn

    @property
    def hints(self) -> Sequence[str]:
        return ()

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
                result = await self._called(taken)
        except ValueError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return self._broken(error)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever the operator's code raises is an outcome
            return self._broken(error)
        data = self._redactor(self._readable(result))
        return Outcome("done", shown(data) if data not in (None, "") else EMPTY, data)

    async def _called(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function. What a thread cannot hand on to the event loop (`StopIteration`, `SystemExit`) is a `RuntimeError`."""
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**arguments)

        def call() -> Any:
            try:
                return self._function(**arguments)
            except Exception as error:
                if not isinstance(error, StopIteration):
                    raise
                raise RuntimeError(repr(error)) from error
            except BaseException as error:
                raise RuntimeError(repr(error)) from error

        return await asyncio.to_thread(call)

    def _broken(self, error: BaseException) -> Outcome:
        log.warning("function_failed", action=self.name, error=self._redactor.text(repr(error)))
        if self.effect:
            return Outcome("unknown", "The function failed on the way: nobody knows whether it was done.")
        return Outcome("failed", self._redactor.text(f"It was not done: {type(error).__name__}."))

    def _readable(self, result: object) -> Json:
        """What a function returned, as JSON; of what is none, or too large, a text. It was done all the same."""
        try:
            data: Json = encodable(_ANY.dump_python(result, mode="json", fallback=lambda _: None))
            text = json.dumps(data, ensure_ascii=False)
        except Exception as error:  # noqa: BLE001 - a circle, a depth, a serialiser of the operator's
            log.warning("result_not_readable", action=self.name, error=self._redactor.text(repr(error)))
            return None
        if len(text) <= LARGEST:
            return data
        log.warning("result_too_large", action=self.name, characters=len(text))
        return shown(data)

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
    """Import the function of an entry and make it an action.

    Args:
        folder: the function's path is relative to it.
        look_ups: what the function may ask, where it wants to; `None` for nothing.

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
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise FunctionError(f"{settings.python} yields; an action returns its result")
    fields: dict[str, Any] = {}
    context_name: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise FunctionError(f"{settings.python}: {parameter} has no name of its own; write each parameter out")
        if parameter.name not in hints:
            raise FunctionError(f"{settings.python}: {parameter.name} has no type hint")
        if _takes_context(hints[parameter.name]):
            context_name = parameter.name
            continue
        if parameter.name.startswith("_") or parameter.name == "model_config":
            raise FunctionError(f"{settings.python}: no parameter can be called {parameter.name}; rename it")
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # parameters called `json` or `schema` are fine here
            model = create_model(settings.function, __config__=ConfigDict(protected_namespaces=()), **fields)
    except Exception as error:
        raise FunctionError(f"{settings.python}: a type hint is not one of JSON: {error}") from error
    return model, context_name


def _takes_context(hint: Any) -> bool:
    """Whether a parameter takes the `Context`, as `Context | None` too."""
    return hint is Context or (get_origin(hint) in (Union, types.UnionType) and Context in get_args(hint))


def described(docstring: str, names: Collection[str]) -> dict[str, str]:
    """Read what a docstring says of its parameters, in the style of Google, NumPy or Sphinx.

    Args:
        docstring: of a function, as `inspect.cleandoc` gives it.
        names: the parameters; no other word begins a description.

    Returns:
        The descriptions by name, one line each, of at most 300 characters.
    """
    found: dict[str, list[str]] = {}
    inside, titled, level, current = False, False, -1, ""
    for line in docstring.splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        head, colon, rest = text.removeprefix(":").partition(":")
        word = head.replace("(", " ").replace(",", " ").split()
        if text.startswith(":") and colon:
            current, level = (word[-1] if word[0] in ("param", "parameter", "arg") else "") if word else "", indent
            inside = current in names
            if inside:
                found[current] = [rest.strip()]
        elif text.rstrip(":") in ("Args", "Arguments", "Parameters"):
            inside, titled, level, current = True, False, -1, ""
        elif inside and text and not text.strip("-"):
            titled = not found or titled
        elif inside and word and word[0] in names and level in (-1, indent):
            current, level = word[0], indent
            found[current] = [] if titled else [rest.strip()]
        elif inside and text and indent > level:
            found.setdefault(current, []).append(text)
        elif inside and text:
            inside = False
    return {name: " ".join(filter(None, texts))[:300] for name, texts in found.items() if name in names and any(texts)}


def _parameters(settings: PythonAction, model: type[BaseModel], docstring: str) -> dict[str, Parameter]:
    told = described(docstring, model.model_fields)
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
        if name in told:
            raw.setdefault("description", told[name])
        if raw.pop("default", None) is not None or name not in needed:
            raw["optional"] = True  # the function's own default holds
        if written is not None:
            raw |= {key: getattr(written, field) for field, key in _aliases() if field in written.model_fields_set}
        found[name] = Parameter.model_validate(raw)
    return found


def _with_defaults(schema: Mapping[str, Json], model: type[BaseModel]) -> dict[str, Json]:
    """The schema with the function's own defaults: a call that writes one out is the same effect as one that does not."""
    defaults = {
        name: hinted["default"]
        for name, hinted in (model.model_json_schema().get("properties") or {}).items()
        if hinted.get("default") is not None
    }
    properties: Any = schema["properties"]
    shown = {name: {"default": defaults[name], **one} if name in defaults else one for name, one in properties.items()}
    return {**schema, "properties": shown}


def _aliases() -> list[tuple[str, str]]:
    return [(name, field.alias or name) for name, field in Parameter.model_fields.items()]
