"""A real PostgreSQL for the tests, which can be stopped and started like any other."""

import fcntl
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pgserver
from sqlalchemy import create_engine, make_url, text

_CONNECTIONS = 400
"""More than the default of 100: a test may run a dozen workers at once."""


class Postgres:
    """A server of our own in a folder, on a socket."""

    def __init__(self, folder: Path, *, as_made: Path) -> None:
        """Start a server on a copy of the cluster `as_made`, which the first of all makes: that costs ten times a copy."""
        with as_made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not as_made.exists():
                _make(as_made)
        shutil.copytree(as_made, folder)
        owner = as_made.stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        self._server = pgserver.get_server(folder)

    @property
    def url(self) -> str:
        """The address of its first database."""
        return str(self._server.get_uri())

    @property
    def pid(self) -> int:
        """The process of the server; its sessions are children of it."""
        return int((Path(self._server.pgdata) / "postmaster.pid").read_text().split()[0])

    def database(self, name: str) -> str:
        """Make a database; its address."""
        self.execute(f'CREATE DATABASE "{name}"')
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: str, *, database: str | None = None) -> Sequence[Any]:
        """Run a statement in a database, by default the first; the rows that it gives."""
        url = make_url(self.url).set(drivername="postgresql+psycopg")
        engine = create_engine(url.set(database=database or url.database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            rows = result.all() if result.returns_rows else []
        engine.dispose()
        return rows

    def stop(self) -> None:
        """Stop at once: sessions are cut off, transactions undone."""
        server = self._server
        pgserver.postgres_server.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)

    def start(self) -> None:
        """Start again on the same socket; returns when it answers."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


def _make(folder: Path) -> None:
    """A cluster with our settings, which no server uses."""
    new = folder.with_suffix(".new")
    server = pgserver.get_server(new)
    with (new / "postgresql.conf").open("a") as settings:
        # The tests kill processes and stop the server, not the machine: what it wrote is there without waiting for a disk.
        settings.write(f"max_connections = {_CONNECTIONS}\nfsync = off\n")
    server.cleanup()
    new.rename(folder)
