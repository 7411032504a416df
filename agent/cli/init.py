"""`balas init`: a small agent that works as it is."""

import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from agent.errors import InputError

SCHEMA = "agent.schema.json"

_NEXT = """\
{folder} holds a working agent:

{listing}

Try it, then make it yours:

  cd {folder}
  balas check        every mistake with its line
  balas chat         talk to it here; it answers offline until there is a key in .env
  balas serve        answer webhooks; it says where they come in and what is missing

Put what customers ask about into docs/: every Markdown, text, CSV, XLSX, PDF, DOCX and HTML file in it is read.
"""


def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; `.` is fine.")]) -> None:
    """Write a working agent into a folder: agent.yaml, docs, an action and scenarios. Overwrites nothing."""
    from agent.config.schema import json_schema

    written = dict(starter())
    written[SCHEMA] = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    present = [name for name in sorted(written) if (folder / name).exists()]
    if present:
        raise InputError(f"{folder} has {', '.join(present)} already; nothing was written. Choose another folder")
    try:
        for name, text in written.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written: {error.strerror}") from None
    listing = "\n".join(f"  {name}" for name in sorted(written))
    typer.echo(_NEXT.format(folder=folder, listing=listing), nl=False)


def starter() -> Iterator[tuple[str, str]]:
    """The files of the new agent: path relative to its folder, text."""
    yield from _texts(files("agent.cli") / "starter", "")


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__":  # installers compile every .py
            continue
        if entry.is_dir():
            yield from _texts(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")
