"""From a broadcast's file to its settings, or to everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.broadcasts.settings import BroadcastSettings
from agent.config.document import Document, Problem, read
from agent.config.document import Path as Place
from agent.config.environment import environment_of
from agent.config.errors import ConfigErrors
from agent.config.load import listed, validate
from agent.errors import InputError


@dataclass(frozen=True, slots=True)
class BroadcastFile:
    """A broadcast as its file says it. Paths in it are relative to the file's folder."""

    path: Path
    settings: BroadcastSettings
    document: Document

    def wrong(self, place: Place, message: str) -> ConfigErrors:
        """The error that something in the file does not fit the world, with its line and column."""
        return ConfigErrors(listed([Problem(self.document.mark(place), message)], self.path))


def load(path: Path, *, environment: Mapping[str, str] | None = None) -> BroadcastFile:
    """Read the file. `environment` stands for the process's variables and `.env`, which are used when it is None.

    Raises:
        ConfigErrors: with every error, its line and its column.
        InputError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    variables = environment_of(path.parent) if environment is None else environment
    document = read(data, variables, needs="a broadcast needs at least `name`, `audience` and `text`")
    settings, problems = validate(document, BroadcastSettings)
    problems += document.problems
    if problems or settings is None:
        raise ConfigErrors(listed(problems, path))
    return BroadcastFile(path, settings, document)
