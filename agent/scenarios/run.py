"""Running many scenarios: which files, who answers, several at the same time, each as often as it says; one result for each file."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.config import AgentConfig, ConfigErrors
from agent.config.document import ConfigError
from agent.errors import InputError, UsageError
from agent.scenarios.anonymise import Anonymiser
from agent.scenarios.cassette import Call, Cassette, Tape, read, write
from agent.scenarios.format import CASSETTE, Scenario, load
from agent.scenarios.outside import Ledgered
from agent.scenarios.play import PATIENCE, Played, play
from agent.scenarios.stage import Stage, open_stage, scenarios_of
from settings.clock import now

if TYPE_CHECKING:
    from agent.models.chat import ChatModel

AT_ONCE = 4
"""How many scenarios run at the same time: while one waits for its ledger, another computes."""

Mode = Literal["recorded", "live", "record"]

_CALLS, _READ, _WRITTEN = 2, 2500, 120
"""What a turn takes where nothing is recorded: calls, tokens read and written in each."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done.

    Attributes:
        mode: `recorded`: no network; `live`: the model of agent.yaml is asked; `record`: it is asked where nothing is recorded.
        word: only scenarios with this in their name or path.
        at_once: how many at the same time.
        patience: seconds that one may take.
        variant: names the cassettes of another configuration than the agent's own.
    """

    mode: Mode = "recorded"
    word: str | None = None
    at_once: int = AT_ONCE
    patience: float = PATIENCE
    variant: str | None = None

    def cassette_of(self, scenario: Scenario) -> Path:
        """Where the recording of a scenario stands."""
        if self.variant is None:
            return scenario.cassette
        return scenario.path.with_name(f"{scenario.path.stem}.{self.variant}{CASSETTE}")


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
    """A whole run with one configuration. `notes` concern all of it; `documents` were read; `seconds` is how long it took."""

    config: AgentConfig
    results: Sequence[Result]
    notes: Sequence[str] = ()
    documents: Sequence[str] = ()
    seconds: float = 0.0

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
    roots = list(paths) or [scenarios_of(folder)]
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
        done: called with each result, in the order of the files.

    Returns:
        The results in the order of the files.
    """
    loaded = [_load(file) for file in files]
    known: dict[int, Result] = {place: each for place, each in enumerate(loaded) if isinstance(each, Result)}
    told, clock = 0, asyncio.get_running_loop().time
    began = clock()

    def tell() -> None:
        """Hand on the results before which none is missing."""
        nonlocal told
        while told in known:
            done(known[told])
            told += 1

    tell()
    if len(known) == len(loaded):
        return Results(config, list(known.values()))
    async with open_stage(config, live=options.mode != "recorded") as stage:
        room = asyncio.Semaphore(options.at_once)

        async def one(place: int, scenario: Scenario) -> None:
            async with room:
                known[place] = await _run(scenario, stage, options)
            tell()

        async with asyncio.TaskGroup() as group:
            for place, each in enumerate(loaded):
                if isinstance(each, Scenario):
                    group.create_task(one(place, each))
        results = [known[place] for place in range(len(loaded))]
        return Results(config, results, tuple(stage.notes), stage.documents, clock() - began)


def _load(file: Path) -> Scenario | Result:
    try:
        return load(file)
    except ConfigErrors as error:
        return Result(file, file.stem, errors=error.errors)


async def _run(scenario: Scenario, stage: Stage, options: Options) -> Result:
    try:
        cast = _cast(scenario, stage, options)
    except InputError as error:
        return Result(scenario.path, scenario.name, scenario, runs=[Played((), (), error=str(error))])
    runs = []
    for number in range(1, scenario.settings.runs + 1):
        models = partial(cast.models, stage, number)
        try:
            runs.append(await play(scenario, stage, models, start=cast.start, patience=options.patience))
        except ConfigErrors as error:
            return Result(scenario.path, scenario.name, scenario, error.errors)
        except Exception as error:  # noqa: BLE001 - a scenario that cannot be played must not hide what the others found
            runs.append(Played((), (), error=f"{type(error).__name__}: {error}"))
    notes = cast.keep(whole=all(run.error is None for run in runs))
    return Result(scenario.path, scenario.name, scenario, runs=runs, notes=notes)


@dataclass(slots=True)
class _Cast:
    """Who answers in a scenario, and what becomes of its cassette. `start`: when it begins, where the scenario leaves that open."""

    mode: Literal["offline", "live", "play", "record"]
    path: Path
    cassette: Cassette
    keep_values: Sequence[str] = ()

    @property
    def start(self) -> datetime | None:
        return self.cassette.now

    def models(self, stage: Stage, run: int, ledgered: Ledgered) -> "Sequence[ChatModel]":
        """The models of one run."""
        if self.mode == "offline":
            return stage.offline()
        if self.mode == "live":
            return stage.models()
        tape = Tape(self.cassette, self.mode, Anonymiser(stage.redactor, self.keep_values), ledgered, run)
        return tape.models([] if stage.config.model.offline else stage.models())

    def keep(self, *, whole: bool) -> list[str]:
        """Write the cassette when it was recorded, and has changed. What was not asked for goes, when it was played to its end."""
        if self.mode != "record":
            return []
        stale = len(self.cassette.calls) - len(self.cassette.used)
        if not whole:
            self.cassette.used |= set(range(len(self.cassette.calls)))
            stale = 0
        if self.cassette.added or stale:
            write(self.path, self.cassette)
            return [f"{self.path.name}: {self.cassette.added} calls recorded, {stale} stale ones removed"]
        return []


def _answering(
    scenario: Scenario, config: AgentConfig, options: Options
) -> Literal["offline", "live", "play", "record"]:
    """Who answers: a scenario that says `model: live` asks the model without `--live`."""
    wanted, offline = scenario.settings.model, config.model.offline
    if wanted == "offline" or (offline and wanted is None and not options.cassette_of(scenario).is_file()):
        return "offline"
    if options.mode == "live" or (wanted == "live" and options.mode == "recorded"):
        return "live"
    return "record" if options.mode == "record" and not offline else "play"


def _cast(scenario: Scenario, stage: Stage, options: Options) -> _Cast:
    """Decide who answers.

    Raises:
        InputError: a recording is needed and not there, or cannot be read.
    """
    path, facts = options.cassette_of(scenario), scenario.settings.contact
    keep = tuple(value for value in (facts.phone, facts.email) if value)
    match _answering(scenario, stage.config, options):
        case "offline":
            return _Cast("offline", path, Cassette(now=None))
        case "live":
            return _Cast("live", path, Cassette())
        case "record":
            cassette = read(path) if path.is_file() else Cassette(now=now().replace(microsecond=0))
            return _Cast("record", path, cassette, keep)
    if not path.is_file():
        asked = "the agent's model" if stage.config.model.offline else stage.config.model.name
        raise InputError(
            f"there is no recording ({path.name}), and {asked} is not asked: record it with --record, or ask with --live"
        )
    return _Cast("play", path, read(path), keep)


def expense(config: AgentConfig, files: Sequence[Path], options: Options) -> str | None:
    """What a run that asks the model will cost, roughly: by what was recorded, else by the length of the conversations.

    Args:
        config: agent.yaml.
        files: the scenarios.
        options: of the run.

    Returns:
        A sentence; `None` where no model is asked. It says `up to` where recordings are renewed: only stale calls are asked again.
    """
    if config.model.offline:
        return None
    calls = read_tokens = written = 0
    renewed = False
    for scenario in (each for each in map(_load, files) if isinstance(each, Scenario)):
        mode = _answering(scenario, config, options)
        if mode not in ("live", "record"):
            continue
        guessed, recorded = _calls_of(scenario), _recorded_calls(options.cassette_of(scenario))
        renewed |= mode == "record" and bool(recorded)
        known = [call.answer.get("tokens") or {} for call in recorded]
        more = max(0, guessed - len(recorded)) if mode == "record" or not recorded else 0
        calls += len(recorded) + more
        read_tokens += sum(int(each.get("read", 0)) for each in known) + more * _READ
        written += sum(int(each.get("written", 0)) for each in known) + more * _WRITTEN
    if not calls:
        return None
    price = config.model.price
    dollars = (read_tokens * price.input + written * price.output) / 1_000_000 if price else None
    about = "up to" if renewed else "about"
    cost = f"{about} ${dollars:.4f}" if dollars is not None else "its price is not known (model.price)"
    return f"{about} {calls} calls of {config.model.name}, {read_tokens + written} tokens: {cost}"


def _calls_of(scenario: Scenario) -> int:
    """How many calls of the model a scenario takes, by its length: of the agent, of the customer that it plays, and of the judge."""
    settings = scenario.settings
    turns = settings.turns or ()
    said = settings.simulate.turns * 2 if settings.simulate else sum(turn.customer is not None for turn in turns)
    expected = [*(settings.expect or ()), *(each for turn in turns for each in turn.expect or ())]
    return (said * _CALLS + sum(each.judge is not None for each in expected)) * settings.runs


def _recorded_calls(path: Path) -> Sequence[Call]:
    """The calls of a cassette; none where there is none that can be read, which the run itself tells."""
    try:
        return read(path).calls if path.is_file() else ()
    except InputError:
        return ()
