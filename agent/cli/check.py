"""`balas check`: every error of agent.yaml with its line; the schema and the reference page.

With `--online`, also whether the model, the platform and the other servers answer; nothing is changed there.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from actions.mcp.settings import McpAction
from actions.settings import DeclaredAction
from agent.cli.options import ConfigFile
from agent.config import AgentConfig, Examination, examine
from agent.config.environment import check_proxies, secret_values
from agent.config.load import position_of
from agent.config.model import OFFLINE
from agent.config.semantics import read_fields, written_fields
from agent.config.summary import summarise, with_embeddings
from agent.config.texts import TemplateSettings
from agent.delivery.window import template_problem
from knowledge.settings import EndpointSettings
from messaging import capabilities_of, open_platform
from messaging.settings import MessagingSettings

if TYPE_CHECKING:
    import httpx


_SECONDS = 10.0
_OPENAI = "https://api.openai.com/v1"


class _Failed(Exception):
    """What was asked did not answer as it should; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """`ask` returns what is worth telling of a good answer; whether the agent needs it is `needed`."""

    name: str
    ask: Callable[[], Awaitable[str]]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class _Result:
    name: str
    text: str
    fine: bool


def probe(config: AgentConfig, file: Path) -> bool:
    """Ask everything at once, print a line for each, and say whether all that is needed answered."""
    results = asyncio.run(_probe(config, file))
    width = max((len(result.name) for result in results), default=0)
    for result in results:
        typer.echo(f"  {result.name:<{width}}  {result.text}", err=not result.fine)
    return all(result.fine for result in results)


async def unreachable(config: AgentConfig) -> list[str]:
    """Ask everything that a configuration needs; what does not answer as it should, a line each."""
    return [f"{result.name}: {result.text}" for result in await _probe(config, config.file) if not result.fine]


async def _probe(config: AgentConfig, file: Path) -> list[_Result]:
    from actions.guard import guarded_client
    from actions.redaction import Redactor
    from settings.connections import open_client

    redactor = Redactor(secret_values(config))
    async with (
        open_client(_SECONDS) as client,
        guarded_client(config.network.allow_private, timeout=_SECONDS) as guarded,
    ):
        probes = list(_probes(config, client, guarded, file))
        return list(await asyncio.gather(*(_result(each, redactor.text) for each in probes)))


async def _result(each: _Probe, redact: Callable[[str], str]) -> _Result:
    import httpx

    from messaging.errors import MessagingError

    started = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            told = await each.ask()
    except TimeoutError:
        problem = f"no answer within {_SECONDS:g} s"
    except httpx.HTTPError as error:
        problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except (_Failed, MessagingError) as error:
        problem = str(error)
    else:
        return _Result(each.name, f"answers in {(time.monotonic() - started) * 1000:.0f} ms{redact(told)}", fine=True)
    if each.needed:
        return _Result(each.name, f"FAILED: {redact(problem)}", fine=False)
    return _Result(each.name, f"is not there: {redact(problem)}", fine=True)


def _probes(
    config: AgentConfig, client: "httpx.AsyncClient", guarded: "httpx.AsyncClient", file: Path
) -> Iterator[_Probe]:
    model = config.model
    if not model.offline:
        yield _Probe("model", _models(client, model.base_url, model.key, model.name))
    for fallback in model.fallbacks:
        if not isinstance(fallback, str) and fallback.name != OFFLINE and fallback.base_url is not None:
            key = fallback.api_key.get_secret_value() if fallback.api_key else model.key
            yield _Probe(f"model {fallback.name}", _models(client, fallback.base_url, key, fallback.name))
    names, templates = {*read_fields(config), *written_fields(config)}, declared_templates(config)
    several = len(config.platforms) > 1
    for entry in config.platforms:
        called = f" {entry.effective_name}" if several else ""
        needed = entry.effective_platform != "sandbox"
        yield _Probe(f"messaging{called}", _platform(entry, client), needed=needed)
        can = capabilities_of(entry)
        if names and can.contact_fields == "custom":
            yield _Probe(f"contact fields{called}", _fields(entry, client, sorted(names)))
        if templates and can.lists_templates:
            yield _Probe(f"templates{called}", _templates(entry, client, templates))
    chroma = config.knowledge.chroma
    if chroma.url is not None:
        token = chroma.token.get_secret_value() if chroma.token else ""
        yield _Probe("chroma", _fetched(client, f"{chroma.url.rstrip('/')}/api/v2/heartbeat", token))
    embeddings = with_embeddings(config).embeddings
    if isinstance(embeddings, EndpointSettings):
        key = embeddings.api_key.get_secret_value() if embeddings.api_key else ""
        yield _Probe("embeddings", _models(client, embeddings.base_url, key, embeddings.model))
    for number, action in enumerate(config.actions):
        if isinstance(action, McpAction):
            program = " ".join(action.mcp.command or ())
            name = urlsplit(str(action.mcp.url)).netloc if action.mcp.url is not None else program
            yield _Probe(name, _tools(guarded, action, file, number))
    for origin in dict.fromkeys(_origin(action) for action in config.actions if isinstance(action, DeclaredAction)):
        yield _Probe(urlsplit(origin).netloc, _reached(guarded, origin))


def _origin(action: DeclaredAction) -> str:
    """The host of an action; its URL has no parameter in that part."""
    parts = urlsplit(str(action.request.url))
    return f"{parts.scheme}://{parts.netloc}/"


def _models(client: "httpx.AsyncClient", base_url: str | None, key: str, name: str) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        url = f"{(base_url or _OPENAI).rstrip('/')}/models"
        answer = await client.get(url, headers=_bearer(key))
        if answer.status_code in {401, 403}:
            raise _Failed(f"{url} refuses the key ({answer.status_code})")
        if answer.status_code >= 500:
            raise _Failed(f"{url} answers {answer.status_code}")
        listed = _listed(answer)
        return "" if not listed or name in listed else f", but does not list {name}"

    return ask


def _listed(answer: "httpx.Response") -> set[str]:
    """The names of a model list; empty when the server has none."""
    try:
        body = answer.json()
    except ValueError:
        return set()
    data = body.get("data") if isinstance(body, dict) else None
    return {str(entry.get("id")) for entry in data if isinstance(entry, dict)} if isinstance(data, list) else set()


def _platform(entry: MessagingSettings, client: "httpx.AsyncClient") -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        try:
            channels = await open_platform(entry, client).channels()
        except ValueError as error:
            raise _Failed(str(error)) from error
        return f", {len(channels)} channel{'' if len(channels) == 1 else 's'}"

    return ask


def _fields(
    entry: MessagingSettings, client: "httpx.AsyncClient", names: Sequence[str]
) -> Callable[[], Awaitable[str]]:
    """Whether the platform's contacts have the custom fields that agent.yaml names."""

    async def ask() -> str:
        from messaging.errors import UnknownField

        platform, problems = open_platform(entry, client), []
        for name in names:
            try:
                await platform.in_format({name: None})
            except UnknownField as error:
                problems.append(error.message)
        if problems:
            raise _Failed("; ".join(problems))
        return f", {len(names)} named"

    return ask


def declared_templates(config: AgentConfig) -> list[TemplateSettings]:
    """The message templates that agent.yaml names, each once."""
    named = [rule.template for rule in config.followups.rules]
    if (reminder := config.followups.reminder_template) is not None:
        named.append(reminder.model_copy(update={"parameters": (*reminder.parameters, "the reminder's words")}))
    return list(dict.fromkeys(template for template in named if template is not None))


def _templates(
    entry: MessagingSettings, client: "httpx.AsyncClient", declared: Sequence[TemplateSettings]
) -> Callable[[], Awaitable[str]]:
    """Whether the platform has them, approved, and with as many placeholders as agent.yaml gives texts."""

    async def ask() -> str:
        listed = await open_platform(entry, client).templates()
        problems = [problem for template in declared if (problem := template_problem(template, listed))]
        if problems:
            raise _Failed("; ".join(problems))
        return f", {len(declared)} declared"

    return ask


def _fetched(client: "httpx.AsyncClient", url: str, key: str) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        answer = await client.get(url, headers=_bearer(key))
        if answer.status_code >= 400:
            raise _Failed(f"{url} answers {answer.status_code}")
        return ""

    return ask


def _reached(client: "httpx.AsyncClient", origin: str) -> Callable[[], Awaitable[str]]:
    """Any answer at all will do: what the root of an API says about itself means nothing."""

    async def ask() -> str:
        await client.head(origin, follow_redirects=False)
        return ""

    return ask


def _tools(client: "httpx.AsyncClient", entry: McpAction, file: Path, number: int) -> Callable[[], Awaitable[str]]:
    """Whether an MCP server lists its tools, and has the parameters that `bind` names."""

    async def ask() -> str:
        from contextlib import AsyncExitStack

        from actions.errors import McpError, UnmatchedBind
        from actions.mcp.server import open_server
        from actions.redaction import Redactor

        async with AsyncExitStack() as stack:
            try:
                tools = await open_server(entry, client, Redactor(), stack)
            except UnmatchedBind as error:
                raise _Failed(f"{position_of(file, ('actions', number, 'bind', error.name))}: {error}") from error
            except McpError as error:
                raise _Failed(str(error)) from error
        told = f", {len(tools)} tool{'' if len(tools) == 1 else 's'}"
        for tool in tools:
            if deep := [place for place in tool.binding.places if "." in place]:
                told += f"; bind also holds for {', '.join(sorted(deep))} of {tool.name}"
            if open_places := tool.binding.unbindable:
                told += f"; warning: nothing can be bound in {', '.join(open_places)} of {tool.name}, which takes names by a pattern"
        return told

    return ask


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def check(
    config: ConfigFile = Path("agent.yaml"),
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the model, the platform, Chroma and action hosts.")
    ] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of agent.yaml and stop.")] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print the reference page of agent.yaml (Markdown) and stop.")
    ] = False,
) -> None:
    """Check agent.yaml: every error with its line and column.

    Ends with 0 when the agent can run, with 1 when it cannot, and with 3 when --online finds something unreachable.
    """
    if schema:
        from agent.config.schema import json_schema

        typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    if reference:
        from agent.config.reference import page

        typer.echo(page(), nl=False)
        return
    examination = examine(config)
    _print(examination)
    if examination.config is None:
        raise typer.Exit(1)
    check_proxies()
    if not online and any(
        one.tools or one.bind or one.confirm for one in examination.config.actions if isinstance(one, McpAction)
    ):
        typer.echo("What an MCP server's tools, bind and confirm name is compared with its tools by --online")
    if online and not probe(examination.config, config):
        raise typer.Exit(3)


def _print(examination: Examination) -> None:
    for error in examination.errors:
        typer.echo(str(error), err=True)
    for warning in examination.warnings:
        typer.echo(f"{warning.file}:{warning.mark.line}:{warning.mark.column}: warning: {warning.message}", err=True)
    if examination.config is None:
        count = len(examination.errors)
        typer.echo(f"{count} error{'s' if count > 1 else ''}", err=True)
    else:
        typer.echo(summarise(examination.config))
