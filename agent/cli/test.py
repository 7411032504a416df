"""`balas test`: run scenarios, conversations as tests."""

import asyncio
import json
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigFile
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.scenarios.run import Options, Result, Results


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]…", help="Scenarios, or folders of them; tests/ beside agent.yaml."),
    ] = None,
    config: ConfigFile = Path("agent.yaml"),
    word: Annotated[str | None, typer.Option("-k", metavar="WORD", help="Only those with this in their name.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the model of agent.yaml; recordings are left alone.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Ask the model for what is not recorded, and keep it beside the scenario.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE", help="Another agent.yaml, shown side by side.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML.")] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with every conversation.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="List the actions, sources, rules, texts and steps that none reached.")
    ] = False,
    github: Annotated[
        bool, typer.Option("--github", help="Annotations of GitHub; by itself inside GitHub Actions.")
    ] = False,
    at_once: Annotated[int, typer.Option("-n", min=1, max=64, help="How many run at the same time.")] = 4,
    seconds: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that one scenario may take.")] = 120,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a scenario.")] = False,
) -> None:
    """Run scenarios: conversations as tests. Exit code 1 when something is not as expected."""
    from agent.scenarios.run import Options

    if schema:
        from agent.scenarios.format import schema as json_schema

        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    if live and record:
        raise UsageError("--live and --record are mutually exclusive: --record asks the model for what is not recorded")
    options = Options("live" if live else "record" if record else "recorded", word, at_once, seconds)
    on_github = github or os.environ.get("GITHUB_ACTIONS") == "true"
    mark = secrets.token_hex(8)
    if on_github and not as_json:
        print(
            f"::stop-commands::{mark}"
        )  # what customers and models wrote is no command, even at the beginning of a line
    first, other = asyncio.run(_test(config, paths or [], options, against, quiet=as_json))
    _report(first, other, junit, page, as_json=as_json, with_coverage=coverage)
    if on_github:
        from agent.scenarios.report import annotations

        for line in [*([] if as_json else [f"::{mark}::"]), *annotations(first)]:
            print(line, file=sys.stderr if as_json else sys.stdout)
    if not first.passed:
        raise typer.Exit(1)


async def _test(
    config: Path, paths: list[Path], options: "Options", against: Path | None, *, quiet: bool
) -> "tuple[Results, Results | None]":
    """The results of agent.yaml, and those of the other one."""
    from agent.config import load
    from agent.scenarios.report import failure, line_of
    from agent.scenarios.run import expense, find, run

    settings = load(config)
    files = find(paths, settings.folder, options.word)

    def done(result: "Result") -> None:
        if not quiet:
            print(line_of(result), flush=True)
            if not result.passed:
                print(failure(result), flush=True)

    theirs = load(against) if against is not None else None
    for each in (settings, theirs):
        if each is not None and (cost := expense(each, files, options)) is not None:
            print(f"{each.name}: {cost}", file=sys.stderr)
    first = await run(settings, files, options, done)
    if theirs is None or against is None:
        return first, None
    return first, await run(theirs, files, replace(options, variant=against.stem))


def _report(
    results: "Results",
    other: "Results | None",
    junit: Path | None,
    page: Path | None,
    *,
    as_json: bool,
    with_coverage: bool,
) -> None:
    from agent.scenarios import report
    from agent.scenarios.coverage import coverage, lines_of

    reached = coverage(results) if with_coverage else []

    name = results.config.name
    both = [(name, results)] if other is None else [(name, results), (f"{other.config.name} (--against)", other)]
    if junit is not None:
        report.write(junit, report.junit(results))
    if page is not None:
        report.write(page, report.page(both))
    if as_json:
        found = report.as_json(results) | ({"against": report.as_json(other)} if other is not None else {})
        if with_coverage:
            found["coverage"] = {each.kind: {"all": list(each.names), "missing": each.missing} for each in reached}
        print(json.dumps(found, indent=2, ensure_ascii=False, default=str))
        return
    for note in [*results.notes, *(note for result in results.results for note in result.notes)]:
        print(f"note: {note}", file=sys.stderr)
    print(report.side_by_side(*both) if other is not None else report.summary(results))
    for line in lines_of(reached):
        print(line)
