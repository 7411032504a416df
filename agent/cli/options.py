"""Options that many commands share; apart from `frame`, which must not import typer for `balas --help`."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ConfigFile: TypeAlias = Annotated[
    Path, typer.Option("-c", "--config", help="The agent's file, or the folder it is in.", show_default=True)
]
"""`-c FILE`; commands give it the default `Path("agent.yaml")`."""
