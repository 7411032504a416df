"""From the file to an `AgentConfig`, or to everything that is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agent.config.config import AgentConfig
from agent.config.document import ConfigError, ConfigErrors, Document, Problem, read
from agent.config.environment import environment_of
from agent.config.lint import env_slips, slips
from agent.config.problems import empty_sections, problems_of
from agent.config.semantics import contradictions, doubts
from agent.errors import InputError

FILE = "agent.yaml"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about an agent.yaml.

    `config` is there when there are no errors. `warnings` are doubtful things with which the agent still runs. Both are in the
    order of the file; warnings about `.env` come first.
    """

    config: AgentConfig | None
    errors: tuple[ConfigError, ...]
    warnings: tuple[ConfigError, ...]


def load(path: str | Path = FILE, *, environment: Mapping[str, str] | None = None) -> AgentConfig:
    """Read agent.yaml (or the one in the folder `path`).

    `environment` stands for the process's variables and `.env`, which are used when it is None.

    Raises:
        ConfigErrors: with every error, its line and its column.
        InputError: the file cannot be read.
    """
    file, data = _read_file(path)
    return loads(data, file=file, environment=environment)


def loads(text: str | bytes, *, file: str | Path = FILE, environment: Mapping[str, str] | None = None) -> AgentConfig:
    """Read the text of an agent.yaml that would stand at `file`: paths and `.env` are relative to its folder.

    Raises:
        ConfigErrors: with every error, its line and its column.
    """
    _, config, problems = _understand(text, file, environment)
    if problems or config is None:
        raise ConfigErrors(listed(problems, file))
    return config


def examine(path: str | Path = FILE, *, environment: Mapping[str, str] | None = None) -> Examination:
    """Everything that can be said about the file without asking anybody.

    Raises:
        InputError: the file cannot be read.
    """
    file, data = _read_file(path)
    return examine_text(data, file=file, environment=environment)


def examine_text(
    text: str | bytes, *, file: str | Path = FILE, environment: Mapping[str, str] | None = None
) -> Examination:
    """As `examine`, for a text that would stand at `file`."""
    document, config, problems = _understand(text, file, environment)
    doubtful = [*slips(config, document), *doubts(config, document)] if config else []
    around = env_slips(Path(file).parent, document) if environment is None else []
    return Examination(
        config=None if problems else config,
        errors=listed(problems, file),
        warnings=(*around, *listed(doubtful, file)),
    )


def position_of(path: str | Path, key: tuple[str | int, ...]) -> str:
    """Say where a key stands: `agent.yaml:12:5`. For what is found out only when a server is asked.

    Raises:
        InputError: the file cannot be read.
    """
    file, data = _read_file(path)
    mark = read(data, environment_of(file.parent)).mark(key)
    return f"{file}:{mark.line}:{mark.column}"


def _read_file(path: str | Path) -> tuple[Path, bytes]:
    file = Path(path)
    if file.is_dir():
        file /= FILE
    try:
        return file, file.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{file} does not exist; name your file with -c, or write a new agent with `balas init DIR`"
        ) from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None


def _understand(
    text: str | bytes, file: str | Path, environment: Mapping[str, str] | None
) -> tuple[Document, AgentConfig | None, list[Problem]]:
    """The text as a document, as a configuration where it is one, and everything that is wrong with it."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    folder = Path(file).parent
    document = read(data, environment_of(folder) if environment is None else environment)
    config, problems = validate(document, AgentConfig)
    if config is not None:
        config._folder, config._file = folder, str(file)
        config._text = data.decode("utf-8-sig", "replace")
        problems = contradictions(config, document)
    return document, config, [*document.problems, *problems]


def listed(problems: Iterable[Problem], file: str | Path) -> tuple[ConfigError, ...]:
    """The problems of a file in its order."""
    ordered = sorted(problems, key=lambda problem: problem.mark)
    return tuple(ConfigError(str(file), problem.mark, _one_line(problem.message)) for problem in ordered)


def _one_line(text: str) -> str:
    """Keys and values in a message may hold anything: line breaks and control characters are shown as escapes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def validate(document: Document, root: type[Model]) -> tuple[Model | None, list[Problem]]:
    """The document as a value of `root`, or everything that is wrong with it."""
    if not document.value and document.problems:
        return None, []  # not YAML at all: what is missing from it says nothing
    try:
        return root.model_validate(document.value), []
    except ValidationError as error:
        blank = empty_sections(error, document)
        if not blank:
            return None, problems_of(error, document, root)
    for *parent, key in blank:
        holder: Any = document.value
        for step in parent:
            holder = holder[step]
        if isinstance(holder, dict):
            del holder[str(key)]
            path = (*parent, str(key))
            document.emptied[path] = ("", document.key(path))
    try:
        return root.model_validate(document.value), []
    except ValidationError as error:
        return None, problems_of(error, document, root)
