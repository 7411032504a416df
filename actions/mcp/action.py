"""One tool of an MCP server as an action."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actions.action import Context, Json, Outcome
from actions.arguments import validator
from actions.errors import McpError
from actions.http.response import shown
from actions.mcp.settings import McpAction
from actions.parameters import Parameter, Schema
from actions.provenance import bound_values, unsupported
from actions.redaction import Redactor

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

    from actions.mcp.server import Connection


class McpToolAction:
    """Has an effect unless the server says that the tool only reads, or agent.yaml says otherwise."""

    def __init__(self, settings: McpAction, tool: "Tool", connection: "Connection", redactor: Redactor) -> None:
        self._tool = tool
        self._settings = settings
        self._connection = connection
        self._redactor = redactor
        self._schema: dict[str, Any] = dict(tool.inputSchema)
        self._properties: dict[str, Any] = dict(self._schema.get("properties") or {})
        self._sources = {name: sources for name, sources in settings.bind.items() if name in self._properties}
        self._bound = {
            name: Parameter.model_validate({"from": list(sources), "optional": not self._needs(name)})
            for name, sources in self._sources.items()
            if sources[0].bound
        }

    @property
    def name(self) -> str:
        joined = f"{self._settings.prefix}_{self._tool.name}" if self._settings.prefix else self._tool.name
        return re.sub(r"[^A-Za-z0-9_-]", "_", joined)[:64]

    @property
    def description(self) -> str:
        return self._tool.description or self._tool.title or self._tool.name

    @cached_property
    def parameters(self) -> Mapping[str, Json]:
        return {
            **self._schema,
            "type": "object",
            "properties": {name: schema for name, schema in self._properties.items() if name not in self._bound},
            "required": [name for name in self._schema.get("required") or () if name not in self._bound],
        }

    @property
    def effect(self) -> bool:
        return not self._reads if self._settings.effect is None else self._settings.effect

    @property
    def reads(self) -> bool:
        """Whether it only looks something up: its receipt is no proof that anything was changed."""
        return not self.effect

    @property
    def idempotent(self) -> bool:
        hints = self._tool.annotations
        return self._reads or bool(hints and hints.idempotentHint)

    @property
    def confirm(self) -> str | None:
        return None

    @property
    def confirm_expires(self) -> timedelta:
        return timedelta(minutes=15)

    @property
    def examples(self) -> Sequence[str]:
        return ()

    @property
    def claims(self) -> Sequence[str]:
        return ()

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        values = self._take(arguments, context)
        return values if isinstance(values, Outcome) else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        values = self._take(arguments, context)
        if isinstance(values, Outcome):
            return values
        try:
            result = await self._connection.call(self._tool.name, values)
        except McpError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        except Exception as error:  # noqa: BLE001 - whatever a server or its transport does is an outcome
            if self.effect:
                return Outcome("unknown", "The request was sent, but no answer came: nobody knows whether it was done.")
            return Outcome("failed", self._redactor.text(f"It was not done: {error or type(error).__name__}."))
        return self._outcome(result)

    @property
    def _reads(self) -> bool:
        hints = self._tool.annotations
        return bool(hints and hints.readOnlyHint)

    def _needs(self, name: str) -> bool:
        return name in (self._schema.get("required") or ())

    @cached_property
    def _validator(self) -> Any:
        return validator(self.parameters)

    def _take(self, arguments: Mapping[str, Json], context: Context) -> dict[str, Json] | Outcome:
        bound, missing = bound_values(self._bound, context)
        if missing:
            return Outcome(
                "failed", f"Nothing was called: the contact has no value for {' and '.join(missing)} on record."
            )
        problems = [f"there is no parameter {name}" for name in arguments if name in self._bound]
        problems += [
            f"{'.'.join(map(str, error.absolute_path)) or 'the arguments'}: {error.message[:300]}"
            for error in self._validator.iter_errors(dict(arguments))
        ]
        if problems:
            return Outcome("refused", f"Nothing was called: {'; '.join(problems[:5])}. Ask the customer; do not guess.")
        for name, value in arguments.items():
            if (sources := self._sources.get(name)) is None:
                continue
            schema = Schema.model_construct(enum=(self._properties.get(name) or {}).get("enum"))
            if (leaf := unsupported(value, schema, sources, context)) is not None:
                return Outcome(
                    "refused",
                    f"Nothing was called: {leaf!r} for {name} is not from {' or '.join(map(str, sources))}. "
                    "Ask the customer; never guess it.",
                )
        return {**arguments, **bound}

    def _outcome(self, result: "CallToolResult") -> Outcome:
        texts = [part.text for part in result.content if part.type == "text"]
        others = sorted({part.type for part in result.content if part.type != "text"})
        data: Json = result.structuredContent
        if data is None:
            data = _parsed("\n".join(texts))
        data = self._redactor(data)
        content = self._redactor.text(shown("\n".join(texts)) or shown(data))
        if others:
            content += f" (also {', '.join(others)}, which cannot be shown)"
        if result.isError:
            return Outcome("failed", content or "It was not done: the tool reported an error.")
        return Outcome("done", content or "Done; the answer is empty.", data)


def _parsed(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    return value
