"""What `balas demo` tells its phone page about the agent: messages to try, and the steps behind each reply."""

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from agent.ledger import overview, steps
from agent.ledger.steps import Step
from agent.ledger.tables import inbound, outbound
from language.detect import LANGUAGES, detect
from messaging.sandbox.options import Prompt

if TYPE_CHECKING:
    from agent.app import Agent
    from agent.config import AgentConfig
    from messaging.sandbox.records import Json

_QUESTIONS, _ACTIONS = 3, 4
"""Messages to try in each language, at most: questions that the documents answer, and those that ask for an action."""

_TOPICS = 200
"""Questions and headings among which those of each language are found."""

_LONGEST = 70
"""Characters that fit a button of the phone page."""


class AgentInsight:
    """An `Insight` of the sandbox. `agent` is set once it runs; until then nothing is known."""

    def __init__(self) -> None:
        self.agent: Agent | None = None

    def prompts(self) -> list[Prompt]:
        """List messages to try: questions of the documents, and examples of the actions, by language."""
        if self.agent is None:
            return []
        topics = [topic for topic in self.agent.knowledge.topics(_TOPICS) if len(topic) <= _LONGEST]
        asked = [example for action in self.agent.actions.values() for example in _one_of_each(action.examples)]
        spoken = {
            language: _in(language, topics)[:_QUESTIONS] + _in(language, asked)[:_ACTIONS] for language in LANGUAGES
        }
        return [Prompt(text, language) for language, texts in spoken.items() for text in texts]

    async def explain(self, message_ids: Set[str]) -> "Json | None":
        """Read the turn that a message belongs to, with its steps."""
        if self.agent is None:
            return None
        found = await self.agent.database.read(lambda connection: _explained(connection, message_ids))
        return None if found is None else {**found, "toy": _hears_with_the_toy(self.agent.config)}


def _hears_with_the_toy(config: "AgentConfig") -> bool:
    """Whether voice notes are heard by the tiny test model, which takes everything for one of the phrases that it knows."""
    from voice.models import is_toy
    from voice.settings import is_folder

    model = config.voice.model
    return isinstance(model, str) and is_folder(model) and is_toy(config.folder / model)


def _one_of_each(examples: Sequence[str]) -> list[str]:
    """The first example in each language."""
    first: dict[str, str] = {}
    for example in examples:
        first.setdefault(detect(example), example)
    return list(first.values())


def _in(language: str, texts: Sequence[str]) -> list[str]:
    return [text for text in texts if detect(text) == language]


def _explained(connection: Connection, message_ids: Set[str]) -> "Json | None":
    turn_id = (
        connection.execute(select(outbound.c.turn).where(outbound.c.platform_message_id.in_(message_ids))).scalar()
        or connection.execute(select(inbound.c.turn).where(inbound.c.message_id.in_(message_ids))).scalar()
    )
    turn = None if turn_id is None else overview.turn_of(connection, turn_id)
    if turn is None:
        return None
    recorded = steps.of_turn(connection, turn.id)
    heard = [step for step in recorded if step.kind == "transcription" and _of(step, message_ids)]
    return {
        "state": turn.state,
        "reason": turn.reason,
        "handover": turn.handover,
        "heard": heard[0].output.get("text") if heard and isinstance(heard[0].output, Mapping) else None,
        "steps": [_shown(step) for step in recorded],
    }


def _of(step: Step, message_ids: Set[str]) -> bool:
    """Whether a transcription is of this message: its key is `voice/{message}/{position}`."""
    return step.key.split("/")[1] in message_ids


def _shown(step: Step) -> "dict[str, Any]":
    ended = step.finished_at
    return {
        "kind": step.kind,
        "name": step.name,
        "ms": None if ended is None else round((ended - step.started_at).total_seconds() * 1000),
        "tokens": step.tokens,
        "input": None if step.kind == "model" else step.input,  # the prompt, which the console shows
        "output": step.output,
    }
