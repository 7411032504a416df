"""`balas init`: a small agent that works as it is, or one that answers from the documents that a folder holds already."""

import json
from collections.abc import Iterator
from enum import StrEnum
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

"""

_SAMPLE = (
    "Put what customers ask about into docs/: every Markdown, text, CSV, XLSX, PDF, DOCX and HTML file in it is read."
)

_COMMON = {".env.example", ".gitignore"}
"""Files of every new agent; one that the folder has already stays as it is."""


class Sample(StrEnum):
    """The languages that the files of a new agent are written in."""

    ID = "id"
    EN = "en"


_INSTRUCTIONS = {
    Sample.ID: "Kamu Sari, asisten toko ini.\n"
    "  Jawab singkat dan ramah, dalam bahasa pelanggan. Kalau tidak tahu, katakan terus terang.",
    Sample.EN: "You are Sari, the assistant of this shop.\n"
    "  Answer briefly and kindly, in the customer's language. If you do not know something, say so.",
}


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; `.` is fine.")],
    language: Annotated[Sample, typer.Option(help="The language of what is written.")] = Sample.ID,
) -> None:
    """Write a working agent into a folder: agent.yaml, docs, an action and scenarios. Overwrites nothing.

    Where `docs/` holds documents already, the agent answers from those, and nothing of the sample shop is written.
    """
    from agent.config.schema import json_schema

    own = sum(1 for _ in _documents(folder / "docs"))
    written = dict(_for_own_documents(language) if own else starter(language))
    written[SCHEMA] = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    present = [name for name in sorted(written) if (folder / name).exists()]
    if in_the_way := [name for name in present if name not in _COMMON]:
        raise InputError(f"{folder} has {', '.join(in_the_way)} already; nothing was written. Choose another folder")
    for name in present:
        del written[name]
    try:
        for name, text in written.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written: {error.strerror}") from None
    listing = "\n".join(f"  {name}" for name in sorted(written))
    typer.echo(_NEXT.format(folder=folder, listing=listing), nl=False)
    typer.echo(f"It answers from what docs/ held already ({own} documents)." if own else _SAMPLE)
    if beside := [path.name for path in _documents(folder, "*") if path.name.lower() != "readme.md"]:
        typer.echo(f"Not read, since only docs/ is: {', '.join(beside)}. Move into docs/ what customers may be told.")


def _documents(folder: Path, pattern: str = "**/*") -> Iterator[Path]:
    """The documents of a folder that can be read and were not written here."""
    from knowledge.documents.loading import READABLE

    for path in sorted(folder.glob(pattern)):
        if path.suffix.lower() in READABLE and path.is_file() and path.name != SCHEMA:
            yield path


def starter(language: Sample) -> Iterator[tuple[str, str]]:
    """The files of a new agent with a sample shop: path relative to its folder, text."""
    yield from _texts(_starter() / language, "")
    yield from _common()


def _for_own_documents(language: Sample) -> Iterator[tuple[str, str]]:
    for name, text in _texts(_starter() / "own", ""):
        yield name, text.replace("INSTRUCTIONS", _INSTRUCTIONS[language])
    yield from _common()


def _common() -> Iterator[tuple[str, str]]:
    for name in sorted(_COMMON):
        yield name, (_starter() / name).read_text(encoding="utf-8")


def _starter() -> Traversable:
    return files("agent.cli") / "starter"


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__":  # installers compile every .py
            continue
        if entry.is_dir():
            yield from _texts(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")
