"""Errors of agent.yaml.

InputError (agent.errors)
└── ConfigErrors    the file cannot be used: holds every ConfigError that was found, in the order of the file

A `ConfigError` is a value, not an exception: a file has many, and they are reported together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import InputError


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; the first line and the first column are 1, columns count characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing that is wrong (or, in a list of warnings, doubtful), and where. `str()` gives `agent.yaml:3:5: message`."""

    file: str
    mark: Mark
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.mark.line}:{self.mark.column}: {self.message}"


class ConfigErrors(InputError):
    """agent.yaml cannot be used. `errors` are in the order of the file; `str()` has one a line."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error.mark))
        super().__init__("\n".join(map(str, self.errors)))
