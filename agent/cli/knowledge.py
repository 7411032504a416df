"""`balas knowledge`: sync documents, search passages, evaluate retrieval, and close gaps."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.assembly import open_knowledge
from agent.cli.options import ConfigFile
from agent.config import AgentConfig, load
from agent.errors import InputError, OutsideError
from settings.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.table import Table

    from knowledge.evaluation import Evaluation
    from knowledge.gaps import Cluster
    from knowledge.library import SourceStatus
    from knowledge.results import SearchResult
    from knowledge.sync.report import Progress

app = typer.Typer(no_args_is_help=True, help="Sync, search and judge the knowledge base.")
gaps = typer.Typer(help="Questions that found nothing good, and what to make of them.")
app.add_typer(gaps, name="gaps")

OwnConfig = Annotated[
    Path | None, typer.Option("--config", "-c", help="The agent's file, or the folder it is in.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_DEFAULT = Path("agent.yaml")


@app.command()
def sync(
    only: Annotated[str | None, typer.Argument(help="One source, by its path or address; all without.")] = None,
    config: ConfigFile = _DEFAULT,
    server: Annotated[str | None, typer.Option(help="Address of the running agent, if it runs elsewhere.")] = None,
    as_json: Json = False,
) -> None:
    """Read what changed in the sources. While the agent runs, it is asked to do it."""
    from knowledge.errors import IndexLocked

    settings = load(config)
    try:
        report = asyncio.run(_sync(settings, only))
    except IndexLocked as locked:
        report = _sync_elsewhere(settings, only, server, str(locked))
    if as_json:
        _print_json(report)
        return
    for source in report["sources"]:
        counts = ", ".join(f"{source[name]} {name}" for name in ("added", "changed", "unchanged", "removed"))
        typer.echo(f"{source['source']}: {counts}")
        if source["error"]:
            typer.echo(f"  failing since {source['failing_since']}: {source['error']}", err=True)
        for problem in source["problems"]:
            typer.echo(f"  {problem}", err=True)
    if any(source["error"] for source in report["sources"]):
        raise typer.Exit(3)


@app.command()
def pull(
    model: Annotated[
        str | None,
        typer.Argument(help="multilingual-e5-small, multilingual-e5-base, or owner/name of the Hugging Face Hub."),
    ] = None,
    config: ConfigFile = _DEFAULT,
    revision: Annotated[
        str | None, typer.Option(help="Another commit, tag or branch of the model's repository.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder to keep it in; by default the one that `embeddings: auto` looks into.")
    ] = None,
) -> None:
    """Download a local embedding model once, at a pinned commit. Serving never downloads anything."""
    from knowledge.errors import EmbeddingError
    from knowledge.index.models import DEFAULT, release
    from knowledge.index.models import pull as download
    from knowledge.settings import AUTO

    base = config if config.is_dir() else config.parent
    try:
        wanted = release(model or DEFAULT, revision)
    except EmbeddingError as error:
        raise InputError(str(error)) from error
    typer.echo(f"Fetching {wanted.repository} at {wanted.revision} …", err=True)
    try:
        folder = download(wanted, to or base / AUTO)
    except EmbeddingError as error:
        raise OutsideError(str(error)) from error
    typer.echo(folder)
    if to is not None:
        typer.echo(f"To serve with it, write `knowledge: {{embeddings: {{path: {to}}}}}` in agent.yaml.", err=True)


@app.command()
def search(
    question: Annotated[list[str], typer.Argument(help="The question; quote several to ask them at once.")],
    config: ConfigFile = _DEFAULT,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many passages; by default what the model would get.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Prefer passages in this language, e.g. id.")] = None,
    as_json: Json = False,
) -> None:
    """The passages the agent would get for a question, with their scores."""
    found = asyncio.run(_search(load(config), question, limit, language))
    if as_json:
        _print_json(asdict(found))
        return
    for hit in found.hits:
        marks = "".join(f" [{mark}]" for mark, is_so in (("volatile", hit.volatile), ("stale", hit.stale)) if is_so)
        typer.echo(f"{hit.score:.2f}  {hit.id}  {hit.title}{marks}")
        typer.echo("".join(f"      {line}\n" for line in hit.text.splitlines()), nl=False)
    verdict = "about something else" if found.off_topic else f"confidence {found.confidence:.2f}"
    typer.echo(f"{verdict}, {found.mode}, {found.milliseconds:.0f} ms", err=True)


@app.command("list")
def show(config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """The sources: what came from them, how fresh it is, and what could not be read."""
    statuses = asyncio.run(_statuses(load(config)))
    if as_json:
        _print_json([asdict(status) for status in statuses])
        return
    from rich.console import Console

    Console(markup=False, emoji=False).print(_source_table(statuses))
    for status in statuses:
        for problem in ([f"{status.id}: {status.error}"] if status.error else []) + list(status.problems):
            typer.echo(problem, err=True)


@app.command("eval")
def evaluate(
    file: Annotated[Path, typer.Argument(help='JSON Lines: {"query": "…", "relevant": ["docs/faq.md#1"]}')],
    config: ConfigFile = _DEFAULT,
    misses: Annotated[
        bool, typer.Option("--misses", help="Also list the questions whose answer was not first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """How often the right passage is found: recall, rank and latency."""
    result = asyncio.run(_evaluate(load(config), file))
    if as_json:
        _print_json(asdict(result))
        return
    typer.echo(f"questions {result.questions}, {result.mode}")
    for name, share in (("R@1", result.recall_at_1), ("R@5", result.recall_at_5), ("R@10", result.recall_at_10)):
        typer.echo(f"{name:<5} {100 * share:5.1f} %")
    typer.echo(f"MRR   {result.mrr:6.3f}")
    typer.echo(f"p50   {result.latency_p50:5.1f} ms, p99 {result.latency_p99:.1f} ms")
    if misses:
        for miss in result.misses:
            rank = f"rank {miss.rank}" if miss.rank else "not among the first 10"
            typer.echo(f"{miss.query}\n      {rank}; first was {miss.found or 'nothing'}")


@gaps.callback(invoke_without_command=True)
def list_gaps(context: typer.Context, config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """Questions that found nothing good, most asked first, those that ask for the same together."""
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    clusters = asyncio.run(_gaps(load(config)))
    if as_json:
        _print_json([asdict(cluster) for cluster in clusters])
        return
    for cluster in clusters:
        near = f"  nearest {cluster.nearest}" if cluster.nearest else ""
        typer.echo(f"{cluster.id:>4}  {cluster.times}×  {cluster.question}{near}")
        for other in cluster.others:
            typer.echo(f"            {other}")
    if not clusters:
        typer.echo("No open questions.", err=True)


@gaps.command()
def accept(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The question's number.")],
    answer: Annotated[str | None, typer.Option(help="Write it down as a new entry with this answer.")] = None,
    alias_of: Annotated[
        str | None, typer.Option(help="Or add it as a phrasing of this passage, e.g. docs/faq.md#3.")
    ] = None,
    config: OwnConfig = None,
) -> None:
    """Turn a question into a new entry or into a further phrasing of one; says which file was written."""
    if (answer is None) == (alias_of is None):
        raise InputError("say what to make of the question: either --answer TEXT or --alias-of PASSAGE")
    file = asyncio.run(_accept(load(config or context.obj), number, answer, alias_of))
    typer.echo(f"written to {file}; `balas knowledge sync` takes it over")


@gaps.command()
def reject(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The question's number.")],
    config: OwnConfig = None,
) -> None:
    """Close a question, with those like it."""
    asyncio.run(_reject(load(config or context.obj), number))


async def _sync(config: AgentConfig, only: str | None) -> dict[str, Any]:
    from knowledge.errors import IndexLocked

    async with open_knowledge(config) as knowledge:
        if knowledge.locked:
            raise IndexLocked(knowledge.locked)
        with _bar() as progress:
            report = await knowledge.sync(progress, only)
        await knowledge.settled()
        if knowledge.problem:
            typer.echo(knowledge.problem, err=True)
        return asdict(report)


def _sync_elsewhere(config: AgentConfig, only: str | None, server: str | None, locked: str) -> dict[str, Any]:
    """Through `POST /api/v1/knowledge/sync` of the process that owns Chroma."""
    import httpx

    base = server or f"http://127.0.0.1:{config.server.port}"
    token = config.server.api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    typer.echo(f"Asking the running agent at {base} …", err=True)
    try:
        response = httpx.post(
            f"{base.rstrip('/')}/api/v1/knowledge/sync",
            json={"only": only},
            headers=headers,
            timeout=600,
            trust_env=False,
        )
        response.raise_for_status()
        report: dict[str, Any] = response.json()
    except httpx.HTTPStatusError as error:
        advice = "set server.api_token" if error.response.status_code in (401, 403, 404) else error.response.text[:200]
        raise OutsideError(
            f"{locked}. It was asked at {base} and answered {error.response.status_code}: {advice}"
        ) from error
    except (httpx.HTTPError, ValueError) as error:
        raise OutsideError(
            f"{locked}. It could not be asked at {base}: {error}; name its address with --server"
        ) from error
    return report


async def _search(
    config: AgentConfig, questions: Sequence[str], limit: int | None, language: str | None
) -> "SearchResult":
    async with open_knowledge(config) as knowledge:
        if not knowledge.size:
            raise InputError("no passage to search yet; run `balas knowledge sync` first")
        if knowledge.has_model:
            await knowledge.settled()
        return await knowledge.search(questions, limit, language)


async def _statuses(config: AgentConfig) -> "list[SourceStatus]":
    async with open_knowledge(config) as knowledge:
        return knowledge.sources()


async def _evaluate(config: AgentConfig, file: Path) -> "Evaluation":
    async with open_knowledge(config) as knowledge:
        if knowledge.has_model:
            await knowledge.settled()
        return await knowledge.evaluate(file)


async def _gaps(config: AgentConfig) -> "list[Cluster]":
    async with open_knowledge(config) as knowledge:
        return await knowledge.gaps()


async def _accept(config: AgentConfig, number: int, answer: str | None, passage: str | None) -> Path:
    async with open_knowledge(config) as knowledge:
        if passage is not None:
            return await knowledge.accept_as_alias(number, passage)
        return await knowledge.accept_as_entry(number, answer or "")


async def _reject(config: AgentConfig, number: int) -> None:
    async with open_knowledge(config) as knowledge:
        await knowledge.reject(number)


_WIDEST = 60
"""Characters of a source beside its bar."""


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    """A bar per source on stderr, where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    terminal = sys.__stderr__  # the frame shows no other command's movements of the cursor
    drawn = terminal is not None and terminal.isatty()
    with Bars(*columns, console=Console(file=terminal), disable=not drawn) as bars:
        tasks: dict[str, Any] = {}

        def show(progress: "Progress") -> None:
            if progress.source not in tasks:
                tasks[progress.source] = bars.add_task(one_line(progress.source, _WIDEST))
            bars.update(tasks[progress.source], completed=progress.done, total=progress.total)

        yield show


def _source_table(statuses: "Sequence[SourceStatus]") -> "Table":
    from rich.table import Table

    table = Table("source", "documents", "passages", "verified", "state", box=None)
    for status in statuses:
        verified = f"{status.verified_at:%Y-%m-%d %H:%M}" if status.verified_at else "never"
        state = f"failing since {status.failing_since:%Y-%m-%d %H:%M}" if status.failing_since else "good"
        if status.problems:
            state += f", {len(status.problems)} unread"
        marked = f"{status.id} (volatile)" if status.volatile else status.id
        table.add_row(marked, str(status.documents), str(status.passages), verified, state)
    return table


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
