"""Whether the customer has said yes to an effect: which question their message answers, and what it answers.

A yes counts only for the newest delivered message of the agent, and only in what was written after that message went out. The question
is the runtime's (`confirm:` of agent.yaml), or the model's own where it asks for exactly the call that follows: then the customer is
not asked twice. `asked` reads the answer, `agreed_in` says in which turn the question for a call was put that they agreed to.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from actions.action import Action, Json
from actions.identity import Identity, contract_of, identity_of
from actions.template import fill
from agent.ledger import outbound
from agent.ledger.history import Line
from agent.turn.context import Asked, TurnContext
from language.consent import consent, deeds_in, is_general, told_as_undone
from language.dates import days_in
from language.numbers import numbers
from language.values import contains
from messaging.types import InboundMessage

_SECOND = timedelta(seconds=1)
_HEARD = re.compile(r"^\[voice note\] ", re.MULTILINE)
"""Our mark before what was spoken; it is no word of the answer."""
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")


async def asked(turn: TurnContext, action: Action) -> Asked | None:
    """Read what the customer answers to the question that waits.

    Args:
        turn: with its messages in words.
        action: what the question is about.

    Returns:
        The question with the reading of the answer; None when the messages do not answer it: it never arrived, something else was said
        since, they were written before it, or what it asked about is another action by now.
    """
    waiting = turn.confirmation
    if waiting is None or waiting.contract != contract_of(action):
        return None
    answer = await _answer_to(turn, waiting.turn)
    if answer is None:
        return None
    digest = identity_of(action, waiting.arguments).digest
    reading = consent(answer, waiting.question)
    return Asked(waiting.action, waiting.arguments, waiting.question, waiting.turn, digest, waiting.contract, reading)


async def agreed_in(turn: TurnContext, action: Action, effect: Identity, now: datetime) -> str | None:
    """Find the turn in which the customer was asked for exactly this effect, when their messages agree to it.

    Words that leave it open agree when the model, who knows the conversation, calls for the same again. A question of the model's own
    counts only with a plain yes.

    Args:
        turn: with `asked` set when a question of the runtime is answered.
        action: what the model calls.
        effect: what it would do.
        now: the time, aware UTC.
    """
    if turn.asked is not None:
        same = turn.asked.digest == effect.digest and turn.asked.contract == contract_of(action)
        agreed = same and turn.asked.reading in ("yes", "open")
        return turn.asked.turn if agreed else None
    last = _last_words(turn)
    if last is None or last.author != "agent" or last.turn is None or action.confirm is None:
        return None
    if turn.confirmation is not None and turn.confirmation.turn == last.turn:
        return None  # the runtime asked, about an action that has changed since
    if not asks_for(last.text, action.confirm, effect.arguments, now):
        return None
    answer = await _answer_to(turn, last.turn)
    return last.turn if answer is not None and consent(answer, last.text) == "yes" else None


async def _answer_to(turn: TurnContext, asked_in: str) -> str | None:
    """What the customer wrote after the message of a turn had gone out; None unless it is the newest that they had."""
    last = _last_words(turn)
    if last is None or last.author != "agent" or last.turn != asked_in:
        return None
    if not await _refers_to(turn, last):
        return None
    written = [written_by(*pair) for pair in zip(turn.claim.messages, turn.claim.received_at, strict=True)]
    gone_out = await turn.steps.read(lambda connection: outbound.gone_out(connection, turn.key, asked_in, max(written)))
    if gone_out is None or (turn.contact.closed_at is not None and turn.contact.closed_at > gone_out):
        return None
    texts = [_HEARD.sub("", message.text) for message, at in zip(turn.messages, written, strict=True) if at >= gone_out]
    return "\n".join(texts) or None


async def _refers_to(turn: TurnContext, question: Line) -> bool:
    """Whether the messages refer to the question or to nothing: a reply to another message and a correction answer no question."""
    quotes = [message.quote for message in turn.claim.messages if message.quote is not None]
    if any(quote.corrected for quote in quotes):
        return False
    asked_in, asked_as = question.turn or "", " ".join(question.text.split())
    others = [quote for quote in quotes if not (quote.text and asked_as.startswith(quote.text.rstrip("…")))]
    ids = await turn.steps.read(lambda connection: outbound.message_ids(connection, turn.key, asked_in))
    return all(quote.message_id in ids for quote in others)


def _last_words(turn: TurnContext) -> Line | None:
    """What was said last before the turn; a reaction of the customer says nothing."""
    return next((line for line in reversed(turn.history) if line.author != "contact" or line.own_words), None)


def written_by(message: InboundMessage, received_at: datetime) -> datetime:
    """The latest time at which a message can have been written: the platform's time, bounded by ours.

    Platforms that tell whole seconds cut off the rest.

    Args:
        message: with the platform's time.
        received_at: when the webhook came.
    """
    at = message.sent_at
    return min(received_at, at if at.microsecond else at + _SECOND - timedelta(microseconds=1))


def asks_for(message: str, template: str, arguments: Mapping[str, Json], now: datetime) -> bool:
    """Tell whether a message asks whether to do exactly what an action would do.

    It must hold one question, which says the deed of `confirm:` itself, or asks to go on with what the rest of the message says is to be
    done; and every argument that identifies the effect must stand in it.

    Args:
        message: what the agent said.
        template: the action's own question.
        arguments: canonical, those that identify the effect.
        now: from which "tomorrow" is counted.
    """
    sentences = [sentence for sentence in _SENTENCE.findall(message) if sentence.strip()]
    questions = [sentence for sentence in sentences if "?" in sentence]
    deeds = deeds_in(fill(template, lambda _: " "))
    if len(questions) != 1 or not deeds or not all(_named(value, message, now) for value in arguments.values()):
        return False
    if _says(questions[0], deeds):
        return True
    rest = [sentence for sentence in sentences if sentence is not questions[0] and _says(sentence, deeds)]
    return is_general(questions[0]) and bool(rest)


def _says(sentence: str, deeds: frozenset[frozenset[str]]) -> bool:
    found = deeds_in(sentence)
    return not told_as_undone(sentence) and all(any(deed & other for other in found) for deed in deeds)


def _named(value: Json, message: str, now: datetime) -> bool:
    """Whether a message holds a canonical value; a yes or no cannot be told from words."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, list):
        return all(_named(item, message, now) for item in value)
    if isinstance(value, dict):
        return all(_named(item, message, now) for item in value.values())
    text = str(value)
    if contains(message, text):
        return True
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return any(str(number.normalize()) == text or f"{number:f}" == text for number in numbers(message))
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return any(day.isoformat() == text for day in days_in(message, now, UTC))
    return False
