"""Whether the customer asked for what the model would do: an effect without a request is refused, and never asked about.

Provenance tells where the values of a call come from; this tells where the wish comes from. A weak model calls `cancel_order` because
an order number was named, and `follow_up` because it was greeted. It refuses only where nothing in the conversation asks for it:

- A message that says nothing by itself (a greeting, thanks, a yes, an id) calls for a deed only where what was said before it does.
- Undoing (cancelling, refunding) needs more than a question or a complaint of waiting.
- A reminder needs a time or the wish to be reminded, a payment code talk of paying, closing an end of the talk.
- What agent.yaml tells the agent to do with a built-in action by itself, it may do without being asked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from actions.action import Action, Outcome
from actions.claims import says_handover
from actions.deeds import deeds_in_text, deeds_of_action
from actions.identity import Identity, identity_of
from actions.reminders.wording import asks_to_be_reminded, names_a_time
from agent.turn.context import TurnContext
from language.agreement import fold, kinds_of, tokenized, undoes, vocabulary
from language.consent import yes_or_no
from language.detect import is_known
from language.intents import mood, small_talk, wants_human, without_opener
from language.lexicon import content, hints

_NUMBERED: Final = re.compile(
    r"\b(?:pesanan|order|booking|reservasi|reservation|ticket|tiket|invoice)\b(?:\s{1,3}(?:number|nomor|no|id|saya|is|with|dengan)\b){0,3}"
    r"\W{0,3}\S*\d\S*",
    re.IGNORECASE,
)
"""A thing with its number, where the noun is no verb: `order KS-1`."""
_OPENING: Final = frozenset(("greeting", "identity", "ability", "wellbeing"))
_CLOSING: Final = frozenset(("thanks", "goodbye", "noted"))
_UNDOING: Final = frozenset(("cancel", "refund"))

_UNASKED: Final = frozenset(("remember", "update_contact", "quick_replies", "list_reminders", "check_payment"))
"""Built-in actions that need no wish: they keep what the customer says, offer choices, or look something up."""
_NOTES: Final = frozenset(("tags", "lifecycle", "comment"))
"""Built-in actions that only colleagues see: anything that was said may be a reason for them."""


def _any_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})", re.IGNORECASE)


_PAYING: Final = _any_of(
    r"ba(?:y|ye)ar pay qris qr\b transfer tf\b tagih invoice invois total lunas checkout kode code scan pesan order beli bel[aei]nja buy "
    r"booking sewa rent deposit dp\b donasi donat harga price biaya cost ongkir kirim\sulang resend rp\s?\d"
)
_ENDING: Final = _any_of(
    r"selesai beres cukup udahan sampai\sjumpa tutup akhiri close end done finish itu\s(?:aja|saja) that(?:'s|\sis)\s(?:all|it) "
    r"nothing\selse (?:gak?|ngg?ak?|enggak|tidak|udah\sgak?)\sada no,?\sthank resolved"
)
_STAFF: Final = _any_of(
    r"admin tim\b team cs\b manusia human orang colleague rekan petugas operator staf agent\b agen\b person manager manajer sambung hubung "
    r"connect transfer teruskan bantu"
)
_FILES: Final = _any_of(
    r"menu katalog catalog brosur brochure files? berkas foto gambar photo picture dokumen document pdf harga price daftar list kirim send "
    r"lihat liat see show contoh peta map"
)
_NOTING: Final = _any_of(r"tag label tandai mark catat note lifecycle tahap stage comment komentar")
_NAMED: Final[Mapping[str, Callable[[str], bool]]] = {
    "hand_over": lambda text: bool(_STAFF.search(text)) or wants_human(text) or says_handover(text),
    "follow_up": asks_to_be_reminded,
    "close_conversation": lambda text: bool(_ENDING.search(text)),
    "send_qris": lambda text: bool(_PAYING.search(text)),
    "send_file": lambda text: bool(_FILES.search(text)),
    **{name: lambda text: bool(_NOTING.search(text)) for name in _NOTES},
}
"""Built-in actions that are named by words of their own, and how."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What is looked at: the customer's new lines and those before them, the agent's last message, the owner's instructions."""

    new: Sequence[str]
    earlier: Sequence[str]
    asked: str
    instructions: str

    @property
    def own(self) -> Sequence[str]:
        return (*self.earlier, *self.new)

    @property
    def bare(self) -> bool:
        return all(map(_says_nothing, self.new))

    @property
    def greets(self) -> bool:
        """Whether the customer only opens a conversation, and the agent has not said anything that this answers."""
        return all(small_talk(line) in _OPENING for line in self.new)


def lacking(turn: TurnContext, action: Action) -> Outcome | None:
    """Refuse a call that nothing in the conversation asks for.

    Args:
        turn: with its messages in words.
        action: what the model calls.

    Returns:
        The refusal; None where there is a ground, or none is needed.
    """
    needed = action.effect or action.confirm is not None or (action.builtin is not None and not action.reads)
    if turn.task is not None or not needed or action.builtin in _UNASKED or not turn.messages:
        return None
    return None if _has_ground(turn, action, _said_in(turn)) else _refusal(action)


def repeated(turn: TurnContext, action: Action, effect: Identity) -> Outcome | None:
    """Refuse an effect that earlier messages have had already, and that the new ones do not ask for once more.

    Args:
        turn: with its messages in words.
        action: what the model calls.
        effect: what it would do.
    """
    before = [call for calls in turn.called.values() for call in calls if call.name == action.name]
    if not before or before[-1].output["status"] != "done" or turn.task is not None:
        return None
    if identity_of(action, before[-1].arguments).digest != effect.digest:
        return None
    if any(_names(action, line) and not _ONLY_ASKS.search(line) for line in _said_in(turn).new):
        return None
    return Outcome(
        "refused", f"This was done before in this conversation: {before[-1].output['content']} Tell the customer so."
    )


def _refusal(action: Action) -> Outcome:
    return Outcome(
        "refused",
        f"Not called: nothing that the customer wrote asks for {action.name}. Answer what they wrote; if it is not clear what they want, "
        "ask them. Do not offer it by yourself.",
    )


def _said_in(turn: TurnContext) -> _Said:
    closed_at = turn.contact.closed_at
    lines = [line for line in turn.history if closed_at is None or line.at > closed_at]
    asked = next((line.text for line in reversed(lines) if line.author != "contact"), "")
    return _Said(
        new=[line for message in turn.messages for said in message.said for line in said.splitlines() if line.strip()],
        earlier=[line.own_words for line in lines if line.author == "contact"],
        asked=asked,
        instructions=turn.instructions,
    )


def _has_ground(turn: TurnContext, action: Action, said: _Said) -> bool:
    match action.builtin:
        case "follow_up":
            return _of_reminder(said)
        case "close_conversation":
            return _of_closing(said)
        case "hand_over":
            came_back = bool(turn.answered or turn.unknown)  # what was looked up may be beyond the agent
            return not said.bare or came_back or any(map(mood, said.own)) or _named(action, said)
        case "send_qris":
            return _named(action, said) or not is_known("\n".join(said.new))
        case builtin if builtin in _NOTES or builtin == "send_file":
            told_to = _names(action, said.instructions) or _lists_a_choice(action, said.instructions)
            return told_to or any(not _says_nothing(line) for line in said.own) or _named(action, said)
    if _UNDOING & deeds_of_action(action):
        return _named(action, said) or any(map(_may_undo, said.own))
    told = any(not _says_nothing(line) for line in said.own)
    return not said.bare or told or _named(action, said) or all(map(_is_choice, said.new))


def _of_reminder(said: _Said) -> bool:
    words = [line for line in said.new if small_talk(line) is None]
    offered = asks_to_be_reminded(said.asked)
    if any(
        asks_to_be_reminded(line) or (names_a_time(without_opener(line)) and (offered or not _ONLY_ASKS.search(line)))
        for line in words
    ):
        return any(map(names_a_time, (*map(without_opener, said.own[-4:]), said.asked, said.instructions)))
    agreed = yes_or_no("\n".join(said.new), said.asked) == "yes"
    if agreed and offered:
        return True
    return asks_to_be_reminded(said.instructions) and not said.greets


def _of_closing(said: _Said) -> bool:
    if any(small_talk(line) in _CLOSING or _ENDING.search(line) for line in said.new):
        return True
    if any("?" in line for line in said.new) or said.greets:
        return False
    return bool(_ENDING.search(said.instructions)) or yes_or_no("\n".join(said.new), said.asked) == "no"


def _named(action: Action, said: _Said) -> bool:
    """Whether the deed is named by the customer or by the message that they answer."""
    return any(_names(action, text) for text in (*said.own, said.asked))


def _names(action: Action, text: str) -> bool:
    if (named := _NAMED.get(action.builtin or "")) is not None:
        return named(text)
    deeds = deeds_of_action(action)
    if not deeds:
        return any(not _says_nothing(line) for line in text.splitlines())
    text = _NUMBERED.sub(" ", text)
    words = tokenized(fold(text))
    if deeds & deeds_in_text(text) or (deeds & _UNDOING and any(map(undoes, words))):
        return True
    if deeds & _UNDOING:
        return False
    told = {
        kind
        for word in tokenized(fold(f"{action.confirm or ''} {action.name.replace('_', ' ')}"))
        for kind in kinds_of(word)
    }
    return any(kinds_of(word) & told for word in words)


def _lists_a_choice(action: Action, instructions: str) -> bool:
    """Whether the instructions name a tag or a stage that the action offers."""
    told = instructions.casefold()
    return any(choice.casefold() in told for choice in _choices(action.parameters))


def _choices(schema: object) -> Sequence[str]:
    if isinstance(schema, Mapping):
        own = [each for each in schema.get("enum") or () if isinstance(each, str) and each]
        return [*own, *(each for value in schema.values() for each in _choices(value))]
    return ()


def _may_undo(text: str) -> bool:
    """Whether a text may ask to undo something: anything but a question or a complaint of waiting, which only want to be told."""
    words = vocabulary()
    written = [word for word in tokenized(fold(_without_numbers(without_opener(text)))) if word not in words.addressed]
    refuses = len(written) > 1 and not ((words.no - words.stay - _NOT_YET) | words.wants).isdisjoint(written)
    if refuses or any(map(undoes, written)) or _TAKING_BACK.search(text) or not is_known(text):
        return True
    return mood(text) is not None or not (_says_nothing(text) or _ONLY_ASKS.search(text))


def _is_choice(line: str) -> bool:
    """Whether a line is a short number, which answers a question of the agent."""
    return line.strip(" .!").isdigit() and len(line.strip(" .!")) < _SHORTEST_ID


_SHORTEST_ID: Final = 3
_TAKING_BACK: Final = _any_of(r"balik kembali retur return exchange tukar lepas refund batal cancel stop")
_ONLY_ASKS: Final = re.compile(
    r"\?|\b(?:mana|kapan|apa|apakah|gimana|bagaimana|gmn|berapa|brp|siapa|status\w*|cek|lacak|lihat|liat|info\w*|where|when|what|how|which|who|"
    r"track|check|see|show|belum|blm|kok|yet|waiting|nunggu|menunggu|tunggu)\b",
    re.IGNORECASE,
)
_NOT_YET: Final = frozenset("belum blm belom not yet".split())


def _without_numbers(text: str) -> str:
    return " ".join(word for word in text.split() if not any(map(str.isdigit, word)))


def _says_nothing(line: str) -> bool:
    """Whether a line asks for nothing by itself: small talk, a yes or no, an id, a number."""
    rest = _without_numbers(line)
    if not rest.strip() or small_talk(rest) is not None:
        return True
    words = vocabulary()
    empty = words.agreeing | words.no | words.neutral | words.addressed | _LABELS
    written = [word for word in tokenized(fold(rest)) if word not in words.addressed | _LABELS]
    if "?" in rest or hints(rest) or (len(written) > 1 and not _PLEADING.isdisjoint(written)):
        return False
    return all(word in empty for word in content(rest))


_PLEADING: Final = frozenset("tolong tlg please pls minta mohon".split())
"""With any other word: `tolong proses`."""
_LABELS: Final = frozenset(
    "nomor no nomer number num id kode code order pesanan pesan booking invoice resi ref reference nya ini itu this that is my saya punya "
    "gambar foto image".split()
)
