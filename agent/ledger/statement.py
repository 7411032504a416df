"""Statements of the message path: compiled once for each database, then handed to its driver.

What SQLAlchemy does around a statement at every run (cache key, execution context, result metadata) costs several times as much
as SQLite's own work, and a message runs dozens of them. So the ledger's hot statements are written as ever, and wrapped:

    _WAITING = Statement(select(table).where(where(table, "platform", "contact")))

    rows = _WAITING.all(connection, {"at_platform": key.platform, "at_contact": key.id})

Parameters and columns go through the types of their columns, errors come as SQLAlchemy's, the transaction is the connection's.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Executable

Process = Callable[[Any], Any]


class Statement:
    """A statement with `at_…` and other named parameters, without ones that are expanded when it runs (a list after IN)."""

    __slots__ = ("_core", "_prepared")

    def __init__(self, core: Executable) -> None:
        self._core: Any = core
        self._prepared: dict[str, _Prepared] = {}

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Run it.

        Args:
            connection: with an open transaction.
            values: of the parameters, by name.

        Returns:
            The rows, as named tuples.

        Raises:
            sqlalchemy.exc.DBAPIError: the driver's error, as SQLAlchemy reports it.
        """
        prepared = self._of(connection)
        cursor = prepared.execute(connection, values)
        raw = cursor.fetchall()
        return prepared.read(cursor, raw) if raw else []

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it as `all` does; the first row, or `None`."""
        prepared = self._of(connection)
        cursor = prepared.execute(connection, values)
        raw = cursor.fetchone()
        found = None if raw is None else prepared.read(cursor, [raw])[0]
        cursor.close()
        return found

    def scalar(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it as `all` does; the first column of the first row, or `None`."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run it as `all` does, for a change without RETURNING; how many rows it concerned."""
        rows: int = self._of(connection).execute(connection, values).rowcount
        return rows

    def _of(self, connection: Connection) -> "_Prepared":
        name = connection.dialect.name
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = self._prepared[name] = _Prepared(self._core, connection.dialect)
        return prepared


class _Prepared:
    """A statement in the words of one database."""

    __slots__ = (
        "_binds",
        "_constants",
        "_dialect",
        "_make",
        "_names",
        "_pick",
        "_positional",
        "_processes",
        "_sql",
        "_types",
    )

    def __init__(self, core: Any, dialect: Dialect) -> None:
        compiled = core.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError(f"this statement has lists that are expanded when it runs: {core}")
        self._sql: str = compiled.string
        self._dialect = dialect
        self._positional: bool = compiled.positional
        self._names: Sequence[str] = compiled.positiontup if self._positional else list(compiled.binds)
        self._pick: Callable[[Mapping[str, Any]], Sequence[Any]] = (
            itemgetter(*self._names) if len(self._names) > 1 else self._pick_few
        )
        binds = (compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names)
        self._binds: Sequence[tuple[int, Process]] = [(at, bind) for at, bind in enumerate(binds) if bind is not None]
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._constants |= {column.key: column.default.arg for column in compiled.insert_prefetch}
        self._types = [column.type for column in getattr(core, "exported_columns", ())]
        self._make: Callable[[Sequence[Any]], Any] | None = None
        self._processes: Sequence[tuple[int, Process]] = ()

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it on a cursor of the driver's."""
        given = {**self._constants, **values} if self._constants else values
        bound: Any = list(self._pick(given))
        for at, bind in self._binds:
            bound[at] = bind(bound[at])
        return _run(
            connection, self._sql, tuple(bound) if self._positional else dict(zip(self._names, bound, strict=True))
        )

    def _pick_few(self, given: Mapping[str, Any]) -> Sequence[Any]:
        """What `itemgetter` gives for two names and more."""
        return [given[name] for name in self._names]

    def read(self, cursor: Any, raw: Sequence[Sequence[Any]]) -> list[Any]:
        """Read rows of the driver's as named tuples."""
        make = self._make or self._describe(cursor)
        if not self._processes:
            return [make(row) for row in raw]
        found = []
        for row in raw:
            values = list(row)
            for position, process in self._processes:
                values[position] = process(values[position])
            found.append(make(values))
        return found

    def _describe(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:
        """Learn from the first answer what the columns are called, and how the driver gives their values."""
        names = [column[0] for column in cursor.description]
        named: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        processes = [
            (position, each.dialect_impl(self._dialect).result_processor(self._dialect, column[1]))
            for position, (each, column) in enumerate(zip(self._types, cursor.description, strict=True))
        ]
        self._processes = [(position, process) for position, process in processes if process is not None]
        self._make = make = named._make
        return make


def _run(connection: Connection, sql: str, bound: Any) -> Any:
    """Run SQL through the driver and return its cursor. SQLAlchemy's event listeners are called as for any other statement."""
    cursor = connection.connection.cursor()
    if connection._has_events or connection.engine._has_events:
        for heard in connection.dispatch.before_cursor_execute:
            heard(connection, cursor, sql, bound, None, False)
    try:
        cursor.execute(sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, sql, bound, cursor, None)
    return cursor
