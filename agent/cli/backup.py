"""`balas backup` and `balas restore`: the ledger, agent.yaml and the files beside it in one archive, made while the agent runs.

The ledger is copied with SQLite's own online backup, so that the copy is one moment's; passages, uploaded documents and media are in
it. The index (Chroma) and models that were pulled are left out, because they are made again; so is `.env`, because it holds keys.
"""

import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from agent.cli.options import ConfigFile
from agent.config import AgentConfig, load
from agent.errors import InputError
from agent.ledger.restored import hold_back
from settings.clock import now

MANIFEST, LEDGER, FILES = "manifest.json", "ledger.db", "files"
FORMAT = 1
_SKIPPED = frozenset({"__pycache__", "node_modules"})
_HIDDEN = frozenset({".gitignore", ".env.example"})
"""The hidden files that hold neither keys nor what is made again."""
_SQLITE = "sqlite:///"


def backup(
    target: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; by default balas-NAME-TIME.tar.gz in this folder.")
    ] = None,
    config: ConfigFile = Path("agent.yaml"),
) -> None:
    """Copy the ledger, agent.yaml and the files beside it into one archive; the agent may go on serving meanwhile."""
    settings = load(config)
    ledger = _ledger_of(settings)
    moment = now()
    file = target or Path(f"balas-{_plain(settings.name)}-{moment.astimezone():%Y%m%d-%H%M%S}.tar.gz")
    if file.exists():
        raise InputError(f"{file} exists already; name another file")
    file.parent.mkdir(parents=True, exist_ok=True)
    folder = settings.folder.resolve()
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".balas-backup-") as scratch:
        copy, archive = Path(scratch) / LEDGER, Path(scratch) / "archive.tar.gz"
        _snapshot(ledger, copy)
        manifest = {
            "format": FORMAT,
            "balas": version("balas"),
            "agent": settings.name,
            "taken_at": moment.isoformat(),
            "ledger": _place_of(ledger, folder),
        }
        with tarfile.open(archive, "w:gz", dereference=True) as packed:
            _add_text(packed, MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2), moment)
            packed.add(copy, LEDGER)
            count = 0
            for count, path in enumerate(_files(folder, {file.resolve(), ledger}), start=1):  # noqa: B007
                packed.add(path, f"{FILES}/{path.relative_to(folder).as_posix()}", recursive=False)
        archive.replace(file)
    typer.echo(f"{file}: the ledger and {count} files, {file.stat().st_size / 1e6:.1f} MB")
    typer.echo("Not in it: .env (keep your keys elsewhere), the index and pulled models (they are made again).")
    for source in _elsewhere(settings, folder):
        typer.echo(f"Not in it, because it lies outside of {folder}: {source}")


def restore(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `balas backup` has written.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; nothing there is overwritten.")] = Path(),
) -> None:
    """Unpack a backup into a folder; overwrites nothing. What may have been sent since the backup is not sent again by itself."""
    with tempfile.TemporaryDirectory(prefix="balas-restore-") as scratch:
        try:
            manifest, names = _unpack(archive, Path(scratch))
        except (tarfile.TarError, EOFError, OSError, ValueError, KeyError) as error:
            raise InputError(f"{archive} is not a whole backup of balas: {error}") from error
        ledger = folder / manifest["ledger"]
        targets = {Path(scratch) / FILES / name: folder / name for name in names} | {Path(scratch) / LEDGER: ledger}
        beside = [ledger.with_name(ledger.name + suffix) for suffix in ("-wal", "-shm")]
        taken = [str(path) for path in (*targets.values(), *beside) if path.exists()]
        if taken:
            more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
            raise InputError(
                f"nothing was restored, because there is already {', '.join(taken[:5])}{more}; choose an empty folder"
            )
        _check(Path(scratch) / LEDGER, archive)
        held = hold_back(Path(scratch) / LEDGER, datetime.fromisoformat(manifest["taken_at"]), now())
        for source, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        ledger.chmod(0o600)
    typer.echo(f"{folder}: {manifest['agent']} as of {manifest['taken_at']}, {len(names)} files")
    if held:
        typer.echo(f"Held back, because it may have happened since: {held}. `balas ledger dead` lists it.")
    typer.echo("Write .env again, then: balas check, balas serve")


def _ledger_of(config: AgentConfig) -> Path:
    url = config.storage_url
    if not url.startswith(_SQLITE):
        raise InputError("the ledger is in PostgreSQL: back it up with pg_dump, as docs/going-live.md shows")
    path = Path(url.removeprefix(_SQLITE))
    if not path.is_file():
        raise InputError(f"there is no ledger at {path} yet; `balas serve` makes it")
    return path.resolve()


def _place_of(ledger: Path, folder: Path) -> str:
    """Where the ledger belongs: relative to the folder where it lies below it."""
    return ledger.relative_to(folder).as_posix() if ledger.is_relative_to(folder) else str(ledger)


def _snapshot(ledger: Path, copy: Path) -> None:
    """Copy a SQLite file that others write to, as of one moment."""
    with (
        closing(sqlite3.connect(f"{ledger.as_uri()}?mode=rw", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _check(ledger: Path, archive: Path) -> None:
    try:
        with closing(sqlite3.connect(ledger)) as connection:
            (found,) = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise InputError(f"the ledger in {archive} is damaged: {found}")


def _files(folder: Path, without: set[Path]) -> Iterator[Path]:
    """The files beside agent.yaml that are worth keeping: no hidden ones, no links that lead away, no other backups."""
    for path in sorted(folder.iterdir()):
        if (
            path.name in _SKIPPED
            or path.resolve() in without
            or (path.name.startswith(".") and path.name not in _HIDDEN)
        ):
            continue
        if path.is_dir() and not path.is_symlink():
            if not (path / "pyvenv.cfg").exists():
                yield from _files(path, without)
        elif path.is_file() and path.resolve().is_relative_to(folder) and not _is_backup(path):
            yield path


def _is_backup(path: Path) -> bool:
    return path.name.startswith("balas-") and path.name.endswith(".tar.gz")


def _elsewhere(config: AgentConfig, folder: Path) -> list[str]:
    """Sources that are files outside of the agent's folder."""
    paths = [source.path for source in config.knowledge.sources if source.path]
    return [path for path in paths if not config.resolve(path).resolve().is_relative_to(folder)]


def _plain(name: str) -> str:
    return (
        "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip("-")
        or "agent"
    )


def _add_text(packed: tarfile.TarFile, name: str, text: str, at: datetime) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), int(at.timestamp()), 0o600
    packed.addfile(entry, BytesIO(data))


def _unpack(archive: Path, scratch: Path) -> tuple[dict[str, Any], list[str]]:
    """Unpack into an empty folder; the manifest, and the names of the files. Entries that lead out of it are refused."""
    names = []
    with tarfile.open(archive, "r:gz") as packed:
        for entry in packed:
            place = PurePosixPath(entry.name)
            if not entry.isfile() or place.is_absolute() or ".." in place.parts:
                raise ValueError(f"{entry.name!r} does not belong into a backup")
            target = scratch / place
            target.parent.mkdir(parents=True, exist_ok=True)
            content = packed.extractfile(entry)
            assert content is not None  # noqa: S101 it is a file
            with target.open("wb") as written:
                shutil.copyfileobj(content, written)
            if place.parts[0] == FILES:
                names.append(str(PurePosixPath(*place.parts[1:])))
    manifest: dict[str, Any] = json.loads((scratch / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise ValueError(f"its format is {manifest['format']}, and this balas reads {FORMAT}")
    if not (scratch / LEDGER).is_file() or ".." in PurePosixPath(manifest["ledger"]).parts:
        raise ValueError("it holds no ledger")
    return manifest, names
