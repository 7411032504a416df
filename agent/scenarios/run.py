"""Running many scenarios: which files, who answers, several at the same time, each as often as it says; one result for each file."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.config import AgentConfig, ConfigErrors
from agent.config.document import ConfigError
from agent.errors import InputError, UsageError
from agent.scenarios.format import CASSETTE, Scenario, load
from agent.scenarios.play import PATIENCE, Played, play
from agent.scenarios.stage import Stage, open_stage

FOLDERS = (Path("tests/scenarios"), Path("tests"))
"""Where scenarios lie beside agent.yaml; the first that is there."""

AT_ONCE = 4
"""How many scenarios run at the same time: while one waits for its ledger, another computes."""

Mode = Literal["recorded", "live", "record"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done.

    Attributes:
        mode: `recorded`: no network; `live`: the model of agent.yaml is asked; `record`: it is asked where nothing is recorded.
        word: only scenarios with this in their name or path.
        at_once: how many at the same time.
        patience: seconds that one may take.
    """

    mode: Mode = "recorded"
    word: str | None = None
    at_once: int = AT_ONCE
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file. `errors` are those of the file itself; `scenario` is there when there are none."""

    path: Path
    name: str
    scenario: Scenario | None = None
    errors: Sequence[ConfigError] = ()
    runs: Sequence[Played] = ()
    notes: Sequence[str] = ()

    @property
    def pass_rate(self) -> float:
        """The share of its runs that passed."""
        return sum(run.passed for run in self.runs) / len(self.runs) if self.runs else 0.0

    @property
    def passed(self) -> bool:
        """Whether it is as expected: every run, or as many as the scenario asks for."""
        return self.scenario is not None and not self.errors and self.pass_rate >= self.scenario.settings.min_pass_rate

    @property
    def shown(self) -> Played | None:
        """The run that people look at: the first that failed, else the first."""
        return next((run for run in self.runs if not run.passed), self.runs[0] if self.runs else None)

    @property
    def seconds(self) -> float:
        return sum(run.seconds for run in self.runs)

    @property
    def cost(self) -> float:
        return sum(run.cost for run in self.runs)

    @property
    def tokens(self) -> int:
        return sum(run.tokens for run in self.runs)


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run with one configuration. `notes` concern all of it."""

    config: AgentConfig
    results: Sequence[Result]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results)


def find(paths: Sequence[Path], folder: Path, word: str | None = None) -> list[Path]:
    """Find the files of scenarios.

    Args:
        paths: files and folders; none: the scenarios beside agent.yaml.
        folder: that of agent.yaml.
        word: only files with this in their path or in the line of their name.

    Raises:
        UsageError: a path is not there.
        InputError: there are none.
    """
    roots = list(paths) or [next((folder / each for each in FOLDERS if (folder / each).is_dir()), folder / FOLDERS[-1])]
    found: list[Path] = []
    for root in roots:
        if root.is_dir():
            files = [*root.rglob("*.yaml"), *root.rglob("*.yml")]
            found += sorted(file for file in files if not file.name.endswith(CASSETTE) and not _hidden(file, root))
        elif root.is_file():
            found.append(root)
        elif paths:
            raise UsageError(f"{root} is not there; name a scenario, or a folder of them")
    found = list(dict.fromkeys(found))
    if word is not None:
        found = [file for file in found if _mentions(file, word)]
    if not found:
        where = " and ".join(map(str, roots))
        about = f" with {word!r} in their name" if word is not None else ""
        raise InputError(f"there are no scenarios{about} in {where}; docs/testing.md shows how one is written")
    return found


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _mentions(file: Path, word: str) -> bool:
    if word.casefold() in str(file).casefold():
        return True
    try:
        return word.casefold() in load(file).name.casefold()
    except InputError:
        return False


async def run(
    config: AgentConfig,
    files: Sequence[Path],
    options: Options,
    done: Callable[[Result], None] = lambda result: None,
) -> Results:
    """Run scenarios.

    Args:
        config: agent.yaml.
        files: the scenarios.
        options: how.
        done: called with each result, in the order in which they end.

    Returns:
        The results in the order of the files.
    """
    loaded = [_load(file) for file in files]
    for result in loaded:
        if isinstance(result, Result):
            done(result)
    if all(isinstance(each, Result) for each in loaded):
        return Results(config, [each for each in loaded if isinstance(each, Result)])
    async with open_stage(config, live=options.mode != "recorded") as stage:
        room = asyncio.Semaphore(options.at_once)

        async def one(scenario: Scenario) -> Result:
            async with room:
                result = await _run(scenario, stage, options)
            done(result)
            return result

        async with asyncio.TaskGroup() as group:
            tasks = [each if isinstance(each, Result) else group.create_task(one(each)) for each in loaded]
        results = [each if isinstance(each, Result) else each.result() for each in tasks]
        return Results(config, results, tuple(stage.notes))


def _load(file: Path) -> Scenario | Result:
    try:
        return load(file)
    except ConfigErrors as error:
        return Result(file, file.stem, errors=error.errors)


async def _run(scenario: Scenario, stage: Stage, options: Options) -> Result:
    runs = []
    for _ in range(scenario.settings.runs):
        try:
            runs.append(await play(scenario, stage, lambda _: stage.offline(), patience=options.patience))
        except Exception as error:  # noqa: BLE001 - a scenario that cannot be played must not hide what the others found
            runs.append(Played((), (), error=f"{type(error).__name__}: {error}"))
    return Result(scenario.path, scenario.name, scenario, runs=runs)
