"""What a scenario names and the agent does not have: it could never hold, or never fail, so it is an error at its place."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from actions.action import Action
from actions.mcp.settings import McpAction
from actions.python.settings import PythonAction
from actions.settings import DeclaredAction
from agent.config import AgentConfig
from agent.config.document import ConfigErrors, Problem
from agent.config.document import Path as Place
from agent.config.load import listed
from agent.scenarios.expectations import is_source
from agent.scenarios.expected import Expectation, FollowUpExpectation, words
from agent.scenarios.format import Answer, Scenario

_LONGEST = timedelta(days=3660)
"""How much time may pass in a scenario."""


def refuse(scenario: Scenario, problems: Iterable[Problem]) -> None:
    """Refuse a scenario that has problems.

    Raises:
        ConfigErrors: with each of them.
    """
    if found := listed(dict.fromkeys(problems), scenario.path):
        raise ConfigErrors(found)


def unknown_names(scenario: Scenario, config: AgentConfig, documents: Sequence[str]) -> Iterator[Problem]:
    """Find names that agent.yaml does not have: of platforms, workflows with a hook, rules and documents; and times that are too far.

    Args:
        config: agent.yaml.
        documents: those that were read; none: they are not known.
    """
    settings = scenario.settings
    platform, platforms = settings.contact.platform, [entry.effective_name for entry in config.platforms]
    if platform not in (None, *platforms):
        yield _problem(scenario, ("contact", "platform"), f"there is no {platform} in messaging", platforms)
    hooks = [flow.name for flow in config.workflows if flow.on.event == "webhook"]
    passed = timedelta()
    for number, turn in enumerate(settings.turns or ()):
        for name in turn.hook or ():
            if name not in hooks:
                yield _problem(scenario, ("turns", number, "hook", name), f"no workflow {name} with a hook", hooks)
        passed += turn.wait or timedelta()
        if turn.wait is not None and passed - turn.wait <= _LONGEST < passed:
            yield _problem(scenario, ("turns", number, "wait"), f"more than {_LONGEST.days} days pass")
    rules = [rule.name for rule in config.followups.rules]
    for place, expected in _expectations(scenario):
        later = expected.followup
        if isinstance(later, FollowUpExpectation) and later.rule not in (None, *rules):
            yield _problem(scenario, (*place, "followup", "rule"), f"there is no rule {later.rule}", rules)
        for key in ("passage", "not_passage"):
            for name in words(getattr(expected, key)):
                known = not documents or "://" in name or any(is_source(name, document) for document in documents)
                if not known:
                    yield _problem(scenario, (*place, key), f"there is no document {name}", documents)


def unknown_actions(scenario: Scenario, config: AgentConfig, actions: Mapping[str, Action]) -> Iterator[Problem]:
    """Find names of actions that the agent does not have, and of arguments that they never have.

    Args:
        config: agent.yaml.
        actions: those that the agent has, by name.
    """
    bound = {name: _bound(config, name) for name in actions}
    for place, name, below, arguments in _actions_named(scenario):
        if name not in actions:
            yield _problem(scenario, place, f"there is no action {name}", list(actions))
            continue
        schema = actions[name].parameters
        known = {*_mapping(schema.get("properties")), *bound[name]}
        if schema.get("additionalProperties") is False:
            for unknown in (each for each in arguments if each not in known):
                yield _problem(scenario, (*below, unknown), f"{name} has no parameter {unknown}", sorted(known))


def _actions_named(scenario: Scenario) -> Iterator[tuple[Place, str, Place, Collection[str]]]:
    """Each action that the file names, with its place, and the arguments that are named with it, with theirs."""
    answers = scenario.settings.actions
    for name, each in answers.items() if isinstance(answers, Mapping) else ():
        place: Place = ("actions", name)
        yield place, name, place, ()
        for number, answer in enumerate(each):
            if isinstance(answer, Answer):
                yield place, name, (*place, number, "when"), answer.when
    for place, expected in _expectations(scenario):
        for key in ("called", "not_called"):
            value, here = getattr(expected, key), (*place, key)
            if isinstance(value, Mapping):
                for name, arguments in value.items():
                    yield (*here, name), name, (*here, name), arguments or ()
            else:
                yield from ((here, name, here, ()) for name in words(value))


def _expectations(scenario: Scenario) -> Iterator[tuple[Place, Expectation]]:
    """All expectations with their places."""
    held: list[tuple[Place, Sequence[Expectation]]] = [
        (("turns", number), turn.expect or ()) for number, turn in enumerate(scenario.settings.turns or ())
    ]
    for place, expected in [*held, ((), scenario.settings.expect or ())]:
        for number, each in enumerate(expected):
            yield (*place, "expect", number), each


def _bound(config: AgentConfig, name: str) -> set[str]:
    """The parameters of an action that agent.yaml declares, those that the runtime fills in among them."""
    found: set[str] = set()
    for entry in config.actions:
        match entry:
            case DeclaredAction() if entry.name == name:
                found |= set(entry.parameters)
            case PythonAction():
                found |= set(entry.parameters)
            case McpAction():
                found |= set(entry.bind)
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _problem(scenario: Scenario, place: Place, message: str, known: Sequence[str] | None = None) -> Problem:
    there = "" if known is None else f"; there are {', '.join(known)}" if known else "; there are none"
    place = scenario.written(place)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return Problem(scenario.document.key(place), f"{path}: {message}{there}")
