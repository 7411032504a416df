"""Coverage: which actions, documents, follow-up rules, fixed texts and workflow steps no scenario reached."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from agent.config import AgentConfig
from agent.config.texts import Text
from agent.scenarios.happened import Happened
from agent.scenarios.run import Results


@dataclass(frozen=True, slots=True)
class Coverage:
    """What there is of one kind, and what of it was reached."""

    kind: str
    names: Sequence[str]
    reached: Sequence[str]

    @property
    def missing(self) -> list[str]:
        """What no scenario reached."""
        return [name for name in self.names if name not in self.reached]


def coverage(results: Results) -> list[Coverage]:
    """Hold what agent.yaml has against what happened in a run."""
    happened = [each for result in results.results for run in result.runs for each in run.happened]
    return [
        _actions(results, happened),
        _documents(results, happened),
        _rules(results.config, happened),
        _texts(results.config, happened),
        _workflows(results.config, happened),
    ]


def _actions(results: Results, happened: Sequence[Happened]) -> Coverage:
    offered = dict.fromkeys(name for result in results.results for run in result.runs for name in run.offered)
    called = {call.name for each in happened for call in each.calls}
    return Coverage("actions", list(offered), sorted(called))


def _documents(results: Results, happened: Sequence[Happened]) -> Coverage:
    found = {source for each in happened for source in each.passages}
    return Coverage("sources", list(results.documents), sorted(found))


def _rules(config: AgentConfig, happened: Sequence[Happened]) -> Coverage:
    sent = {row["rule"] for each in happened for row in each.followups if row["state"] == "sent" and row["rule"]}
    return Coverage("rules", [rule.name for rule in config.followups.rules], sorted(sent))


def _texts(config: AgentConfig, happened: Sequence[Happened]) -> Coverage:
    said = [" ".join(message.text.split()) for each in happened for message in each.messages]
    texts = dict(_written(config.conversation, "conversation"))
    reached = [
        name
        for name, text in texts.items()
        if any(_is_said(wording, message) for wording in text.by_language.values() for message in said)
    ]
    return Coverage("fixed texts", list(texts), reached)


def _written(model: BaseModel, name: str) -> Iterator[tuple[str, Text]]:
    """The texts that agent.yaml writes out, by their key."""
    for key in sorted(model.model_fields_set):
        value = getattr(model, key)
        if isinstance(value, Text):
            yield f"{name}.{key}", value
        elif isinstance(value, BaseModel):
            yield from _written(value, f"{name}.{key}")


def _is_said(wording: str, message: str) -> bool:
    """Whether a message holds a text of agent.yaml, whatever stands for its placeholders."""
    parts = [" ".join(part.split()) for part in re.split(r"\{[^{}]*\}", wording)]
    at = 0
    for part in filter(None, parts):
        at = message.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return any(parts)


def _workflows(config: AgentConfig, happened: Sequence[Happened]) -> Coverage:
    """Steps of workflows, as `name/1`, where the agent has workflows."""
    names = [
        f"{workflow.name}/{number}"
        for workflow in getattr(config, "workflows", ())
        for number in range(1, len(workflow.do) + 1)
    ]
    return Coverage("workflow steps", names, sorted({step for each in happened for step in each.workflow_steps}))


def lines_of(found: Sequence[Coverage]) -> Iterator[str]:
    """For people: each kind with how much of it was reached, and what was not."""
    for each in found:
        if not each.names:
            continue
        yield f"{each.kind}: {len(each.names) - len(each.missing)} of {len(each.names)} reached"
        yield from (f"  not reached: {name}" for name in each.missing)
