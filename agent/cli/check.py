"""`balas check`: what is wrong with agent.yaml, what is doubtful, what does nothing yet; else what the agent will be."""

import json
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import ConfigFile
from agent.config import Examination, examine
from agent.config.summary import summarise


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
    if online:
        from agent.cli.probes import probe

        if not probe(examination.config):
            raise typer.Exit(3)


def _print(examination: Examination) -> None:
    for error in examination.errors:
        typer.echo(str(error), err=True)
    for warning in examination.warnings:
        typer.echo(f"{warning.file}:{warning.mark.line}:{warning.mark.column}: warning: {warning.message}", err=True)
    for planned in examination.inactive:
        typer.echo(str(planned), err=True)
    if examination.config is None:
        count = len(examination.errors)
        typer.echo(f"{count} error{'s' if count > 1 else ''}", err=True)
    else:
        typer.echo(summarise(examination.config))
