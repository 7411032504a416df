"""Checks of what the model answered, before anything is sent.

- `sendable`: a reply must not claim what no action did in this conversation, nor tell what nobody looked up, nor promise what nothing
  does, nor name a price, an address or a person that is in no source, or the price of something else (`actions.prices`,
  `actions.people`, `actions.figures`), nor deny or miss what was done and found (`agent.turn.relevance`, `agent.turn.reading`); it is
  repaired, and then replaced by what the passages say, or a human takes over.
- `unanswered`: the question that the documents should have answered and did not, for `balas knowledge gaps`.
- `without_outdated`: where only an outdated copy holds the answer, a human answers.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from actions.action import Action, HandOver, Json
from agent.config.model import OFFLINE
from agent.turn import reading, relevance
from agent.turn.context import LimitReached, ModelsFailed, TurnContext, Unanswered
from agent.turn.retrieval import LIKELY, Retrieved
from language.intents import says_dont_know, wants_human
from settings.text import MARKS, element

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from actions.claims import Claim
    from actions.prices import Known
    from agent.turn.loop import Loop
    from agent.turn.prompt import Persona

log = structlog.get_logger()

WORDS = 3
"""Fewer words than this are a greeting or a thank-you, not a question that the documents should answer."""

_COURTESIES = frozenset(
    "selamat good morning afternoon evening night day nice baik siap sip betul benar kabar hari help helpful much lot sekali sangat "
    "ditunggu tunggu sebentar bentar dulu wait moment great perfect mantap bagus noted udah infonya bantuannya admin punten mbok "
    "wr wb waalaikumsalam alhamdulillah".split()
)


@dataclass(frozen=True, slots=True)
class Reply:
    """How a turn ended. `text` is what the model wrote; `acted` says that an action answered or asked back."""

    text: str
    acted: bool
    handed_over: bool


_REPAIRS = 2
"""How often a draft that nothing supports is told to the model, before what the passages say is sent in its place."""

_LONG = 1_000
"""Letters of a draft and of what it answers that are checked within milliseconds."""


async def sendable(
    turn: TurnContext,
    messages: "Sequence[BaseMessage]",
    text: str,
    *,
    loop: "Loop",
    actions: Mapping[str, Action],
    persona: "Persona",
) -> str:
    """Repair a draft that claims what nothing shows, or that misses what the conversation says.

    A claim of a deed is told to the model once; if it comes again, a human takes over. What nothing supports is told twice;
    then what they do say is sent, or that the answer is not known, and a step `reading` says so.

    Args:
        turn: the turn; the receipts and results of its whole conversation can support a claim.
        messages: what the model was asked with.
        text: its answer.
        loop: asks it again.
        actions: all actions of the agent, by name.
        persona: who answers.

    Returns:
        The text that may be sent; empty when it may not.

    Raises:
        TurnStopped: the repair ended without an answer, and nothing can be said in its place.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    repairs, conversation, begun = 0, list(messages), turn.claim.started_at
    repaired: list[tuple[str, str]] = []
    while True:
        check = partial(_fault, turn, text, actions, messages, persona, repaired)
        is_long = len(text) + len(turn.text) > _LONG  # beside the event loop: all others would wait, up to seconds
        if (found := await asyncio.to_thread(check) if is_long else check()) is None:
            return text
        if repairs and not (found.grave or found.instead):
            return text
        if repairs >= (_REPAIRS if found.grave and found.instead else 1):
            break
        repairs += 1
        log.warning("draft_not_sent", turn=turn.id, said=found.said, grave=found.grave)
        if turn.values is not None and found.grave:
            turn.values = replace(turn.values, rejected=True)
        repaired.append((text, found.told))
        conversation += [AIMessage(text), HumanMessage(element("runtime", found.told))]
        try:
            text = await loop.answer(turn, conversation)
        except (LimitReached, ModelsFailed):
            if not found.instead:
                raise
            break
    log.error("draft_not_sent_again", turn=turn.id, said=found.said)
    if found.instead:
        given, output = {"draft": text}, {"sent": found.instead}
        if turn.steps.finished("reading", given) is None:
            await turn.steps.record("reading", "reading", "passages", given, output, started_at=begun)
        return found.instead
    turn.requests.append(HandOver(f"the agent wanted to say {found.said!r}, which nothing bears out"))
    return ""


def _fault(
    turn: TurnContext,
    text: str,
    actions: Mapping[str, Action],
    messages: "Sequence[BaseMessage]",
    persona: "Persona",
    repaired: Sequence[tuple[str, str]],
) -> relevance.Fault | None:
    if turn.question is not None:
        return None
    held = reading.Held(turn, messages, persona.name, lambda: _sources(turn, actions))
    has_knowledge = persona.knows()
    knows = has_knowledge and turn.task is None and bool(turn.messages) and not turn.pictures
    if claims := _unproven(turn, text, actions):
        stated = knows and not turn.effects and claims[0].kind in ("state", "report")
        told = (
            f"Your draft says {claims[0].text!r}, but nothing in this conversation shows it or does it. It was not sent. "
            "Write the reply again without that claim: say only what the results show. Do not call an action because of this message."
        )
        return relevance.Fault(told, claims[0].text, grave=True, instead=held.quoted if stated else "")
    if turn.answered_by == OFFLINE:
        return None  # a program quotes documents and results as they are
    looks_up = any(action.reads and action.builtin is None for action in actions.values())
    found = (
        (_unfounded(turn, text, held) if has_knowledge or looks_up else None)
        or relevance.fault(turn, text, actions)
        or relevance.recited(turn, text, repaired)
    )
    if found is None and knows:
        return reading.fault(text, held)
    if found is not None and found.unfounded:
        return replace(found, instead=held.answer)
    return found


def _unproven(turn: TurnContext, text: str, actions: Mapping[str, Action]) -> "list[Claim]":
    from actions.claims import unproven
    from actions.evidence import Heard

    receipts = {*turn.receipts, *(name for name, outputs in turn.results.items() if outputs)}
    before: list[Json] = [
        call.arguments for calls in turn.called.values() for call in calls if call.output["status"] == "done"
    ]
    told = [line.text for line in turn.history if line.author != "contact"]
    heard = Heard(
        customer=turn.said,
        told=[*told, turn.memory.summary or "", *turn.memory.facts.values()],
        business=[turn.instructions, turn.retrieved.passages],
        asked=[*before, *map(dict, turn.asked_with)] if turn.results else (),
    )
    return [
        claim
        for claim in unproven(text, actions.values(), receipts, turn.results, heard)
        if not (claim.kind in ("state", "promise") and turn.instruction)
        and not (claim.kind == "promise" and turn.handed_over)
    ]


def _sources(turn: TurnContext, actions: Mapping[str, Action]) -> "Known":
    """What the business and its systems have said beside passages, and what the customer has."""
    from actions.prices import Known

    owner = [
        _json([action.description, action.confirm, dict(action.parameters)])
        for action in actions.values()
        if action.builtin is None
    ]
    called = [output for output in turn.steps.outputs("action") if output["status"] != "refused"]
    done = [
        _json([call.arguments, call.output])
        for calls in turn.called.values()
        for call in calls
        if call.output["status"] != "refused"
    ] + [_json([turn.results, turn.asked_with, called])]
    told = [line.text for line in turn.history if line.author != "contact"]
    files = [record["text"] for message in turn.messages for record in message.attachments if record.get("text")]
    remembered = [turn.memory.summary or "", *turn.memory.facts.values()]
    return Known(
        business=(turn.system, turn.instruction or "", *owner),
        results=(*done, *told, *files, *remembered),
        customer=(*turn.said, *(message.told for message in turn.messages)),
    )


def _unfounded(turn: TurnContext, text: str, held: reading.Held) -> relevance.Fault | None:
    """A draft with amounts, numbers, hours, addresses, links, secrets or people that nothing supports, or the price of something else.

    What a picture shows is not known here.
    """
    from actions.figures import names_figures, unknown_figures
    from actions.people import borrowed, introduced, unknown_people
    from actions.prices import misplaced, names_any, unfounded, unknown_details

    if turn.pictures or turn.retrieved.needs_human:
        return None
    people, own_roles = introduced(text), borrowed(text, held.name, turn.instructions)
    if not (people or own_roles or names_any(text) or names_figures(text)):
        return None
    elsewhere = held.elsewhere
    known = replace(elsewhere, business=(*elsewhere.business, turn.retrieved.passages))
    who = [each for each in (turn.contact.contact.first_name, turn.contact.contact.last_name) if each]
    sources = (*known.business, *known.results, *known.customer, *who)
    now = [f"{turn.values.now:%A %d %B %Y %H:%M}"] if turn.values is not None else []
    if loose := (
        unfounded(text, known)
        + unknown_details(text, known)
        + unknown_people(people, sources)
        + own_roles
        + unknown_figures(text, (*sources, *now))
    ):
        told_model = (
            f"Your draft names {loose[0]!r}, which stands in no instruction, passage or result, and does not follow from what stands "
            "there. It was not sent. Write the reply again with amounts, hours, addresses and names of people that stand there only, each "
            "sum with its parts; where there is none, say that you don't know and offer to ask a colleague."
        )
        return relevance.Fault(told_model, loose[0], grave=True, unfounded=True)
    for amount, named in misplaced(text, turn.retrieved.passages.splitlines(), " ".join(turn.typed), elsewhere):
        told_model = (
            f"Your draft gives {amount!r} for something else than the passages do, and was not sent. Take each price from the line of what "
            "the customer asks for; where there is no such line, say that you don't know the price and offer to ask a colleague."
        )
        return relevance.Fault(told_model, amount, grave=named, unfounded=named)
    return None


def _json(value: object) -> str:
    return json.dumps(value, default=str)


def without_outdated(turn: TurnContext, text: str) -> str:
    """Withhold an answer where only outdated passages hold it, and ask for a human.

    The model did not see those passages, so whatever it wrote instead is not the answer.

    Args:
        turn: the turn, with what was retrieved.
        text: the model's answer.

    Returns:
        The text that may be sent; empty when it may not.
    """
    retrieved = turn.retrieved
    if turn.acted or not (retrieved.needs_human or (retrieved.outdated and says_dont_know(text))):
        return text
    log.info("outdated_passages", turn=turn.id, sources=retrieved.outdated)
    if not turn.handed_over:
        turn.requests.append(HandOver(f"only an outdated copy answers this: {', '.join(retrieved.outdated)}"))
    return ""


_IMITATED = re.compile(
    r"\\?[\[【［]\s{0,3}(?:(?:an? )?(?:human )?(?:colleague|agent)(?: (?:wrote|writes|says|said|replied))?\s{0,3}:?|a? ?human"
    r"|qris \d[^\]】］\n]{0,80}|a? ?voice note[^\]】］\n]{0,60}|the rest of this message[^\]】］\n]{0,60}"
    r"|system|refused|failed|unknown|confirm"
    r"|(?:image|video|audio|file|sticker|location|contact card|reaction|deleted message|in reply to|correction of|attachment)"
    r"(?:\s{0,3}: ?[^\]】］\n]{0,400})?)\s{0,3}(?<!\\)\\?[\]】］] ?"
    r"|<\s{0,3}/?\s{0,3}(?:colleague|context|earlier|file|passages?|remembered|runtime|sent)\b[^<>\n]{0,400}>\n?",
    re.IGNORECASE,
)
"""What we write beside the words of others, in the customer's messages and in results: only we may."""


def without_marks(text: str) -> str:
    """Take our marks and elements out of a reply: a model that writes them imitates a colleague, a file or a payment code.

    It finds none of them under its own name in the history; this holds for one that writes them all the same.

    Args:
        text: the model's answer.
    """
    return _IMITATED.sub("", text).strip()


def unanswered(said: str, retrieved: Retrieved, reply: Reply) -> Unanswered | None:
    """Find the question that is to be collected for the owner.

    Args:
        said: the customer's messages.
        retrieved: what was found for them.
        reply: how the turn answered.

    Returns:
        The question without private data; `None` when the turn leaves no gap.
    """
    from knowledge.gaps import without_private

    asked = without_private(MARKS.sub(" ", said))
    return Unanswered(asked, retrieved.confidence, retrieved.nearest) if is_gap(asked, retrieved, reply) else None


def is_gap(asked: str, retrieved: Retrieved, reply: Reply) -> bool:
    """Whether the documents should have answered and did not.

    It is one when no passage fits (plainly off-topic, or less likely than `LIKELY`), when the reply says that it does not know, or when the
    model passed the customer on. It is none when the message is short or mere courtesy, when an action took care of it, when the
    customer asked for a person, or when the answer is known but its copy too old.
    """
    if not _asks(asked) or reply.acted or retrieved.needs_human or wants_human(asked):
        return False
    if reply.handed_over or retrieved.off_topic or retrieved.confidence < LIKELY:
        return True
    return says_dont_know(reply.text)


def _asks(text: str) -> bool:
    """Whether a message is long enough to ask something, and says more than a greeting or a thank-you."""
    from knowledge.documents.splitter import count_words
    from language.lexicon import STOPWORDS
    from language.tokens import words

    return count_words(text) >= WORDS and any(word not in STOPWORDS and word not in _COURTESIES for word in words(text))
