"""What supports a claim: what was done and found in a conversation, and what was said before or holds for everyone.

`actions/claims.py` finds what a reply claims; here it is held against receipts and results (`Evidence`) and against words (`Heard`).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from actions.action import Action, Json
from actions.assertions import Assertion
from actions.claim_words import IDS, MARK, MONEY
from actions.deeds import deeds_in_text, deeds_of_action, deeds_of_verb
from actions.sentences import Clause
from actions.template import texts_in
from language.lexicon import content
from language.stems import stems
from language.tokens import words
from language.values import contains, squash
from settings.matching import bounded, matches_in

if TYPE_CHECKING:
    from settings.matching import Found

MYSELF = re.compile(r"\b(?:saya|aku|gue|kami|kita|I|we|I've|we've|my|me)\b", re.IGNORECASE)
# The word of the reply and the word of the API for one state; both are looked for as parts of words.
_SAME_STATE = (
    ("batal", "cancel", "void"),
    (
        "kirim",
        "ship",
        "sent",
        "hantar",
        "handed",
        "dispatch",
        "transit",
        "deliver",
        "on the way",
        "kurir",
        "courier",
        "antar",
        "serah",
    ),
    ("proses", "process"),
    ("refund", "kembali", "return", "reimburs"),
    ("terima", "deliver", "receive", "sampai", "tiba", "arriv"),
    ("pulih", "restor", "normal", "teratasi"),
    ("selesai", "complet", "finish"),
    ("konfirmasi", "confirm", "sahkan"),
    ("jadwal", "schedul"),
    ("setuju", "approv", "lulus"),
    ("dibayar", "terbayar", "lunas", "paid", "cair", "disburs"),
    ("booking", "booked", "reserv", "tempah"),
)
DEFINITE = ("batal", "cancel", "void", "refund", "kembali", "reimburs")
"""States that an agent brings about itself: only a result that names one proves it."""
_PAID = ("bayar", "paid", "lunas", "settle")
_NOT_YET = re.compile(
    r"(?:^|[\W_])(?:(?:not|non|belum|tidak|never|pending|awaiting|waiting|menunggu|will|can)(?=[\W_]|$)|un(?!tuk|it)|incomplete)",
    re.IGNORECASE,
)
_CHANGED_TO = re.compile(r"\b(?:ke|menjadi|jadi|to|into)\b\s+(.{3,60}?)[\s.!,]*$", re.IGNORECASE)
_FINISHED = re.compile(
    r"\b(?:selesai|kelar|beres|siap|rampung|diantar|dianter|dikirim|sampai|tiba|done|ready|fixed|finished|completed?|packed|delivered|shipped)\b",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(
    r"\b(?:sedang|menunggu|antre|waiting|pending|in (?:process|progress|the oven)|processing|being|queued)\b",
    re.IGNORECASE,
)
_RECORD_KEY = re.compile(
    r"status|state|order|booking|reserv|creat|schedul|appointment|kode|nomor|pesanan", re.IGNORECASE
)
_OF_RECORD = re.compile(
    r"^id$|_id$|code|kode|num|nomor|resi|track|courier|kurir|status|state|stage|order|booking|reserv|appointment|pesanan|card|until|plan",
    re.IGNORECASE,
)
_STATUS_KEY = re.compile(r"status|state|stage|tahap|progress|phase", re.IGNORECASE)
_ID = re.compile(rf"\b{IDS}(?!\w)|#[\w-]*\w")
_LINE = re.compile(r"[.!\n]")
_ASKED = re.compile(
    r"\?|\b(?:mana|kapan|apa|apakah|gimana|bagaimana|gmn|status|cek|lacak|where|when|what|how|track|check|belum|blm|kok|yet)\b"
    r"|^\W*(?:has|have|is|are|did|was)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(?:[$€£]|\b(?:Rp|RM|IDR|USD|SGD)) ?\d[\d.,]*\d")
_IS_SO = re.compile(rf"\b(?:{MARK}|masih|sedang|lagi|is|was|has|have|been|came|arrived)\b", re.IGNORECASE)
_SUPPORTED = 0.7
"""The part of a clause's content words that a sentence of the business has to share."""
_IMPLIES: Mapping[str, tuple[str, ...]] = {
    "kirim": ("terima", "selesai", "deliver", "receive", "complet"),
    "proses": ("kirim", "ship", "terima", "selesai", "deliver", "complet", "confirm", "konfirmasi"),
}
"""A later state proves an earlier one: what was received had been sent."""


_NEWLY = re.compile(r"\b(?:sudah|telah|udah|dah|has been|have been|now)\b", re.IGNORECASE)
"""Signs that something has come about, which a state alone does not have: `masih aktif`."""


class Evidence:
    """What was done and found in a conversation, against which claims are held."""

    def __init__(
        self,
        actions: Sequence[Action],
        receipts: Collection[str],
        results: Mapping[str, Sequence[Json]] | None,
        heard: "Heard",
    ) -> None:
        self.actions = actions
        self.heard = heard
        self.done = [action for action in actions if action.name in receipts]
        self.results = results or {}
        self.declared: dict[str, list[tuple[Action, Found]]] = {}
        self._states: dict[str, list[str]] = {}
        self._seen: dict[str, bool] = {}

    def read(self, stated: Iterable[Clause]) -> None:
        """Look for what the actions declare as their claims, all within one limit of time.

        Raises:
            TooCostly: a pattern of agent.yaml takes too long.
        """
        with bounded():
            for clause in stated:
                self.declared[clause.text] = [
                    (action, match)
                    for action in self.actions
                    for pattern in action.claims
                    for match in matches_in(pattern, clause.text, re.IGNORECASE)
                ]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was done or looked up, so that nothing about this customer's dealings can be known."""
        return not self.done and not self.results

    @property
    def looked_up(self) -> bool:
        return any(action.reads for action in self.done)

    def states(self, clause: str = "") -> list[str]:
        """The texts of the results that say what is; those of one record where the clause names it by its id."""
        if (found := self._states.get(clause)) is None:
            ids = {squash(match[0]) for match in _ID.finditer(clause)}
            records = [record for record, named in self._named_records if not ids.isdisjoint(named)] if ids else []
            found = self._states[clause] = list(_states(records or self.results))
        return found

    @cached_property
    def _named_records(self) -> list[tuple[Mapping[str, Json], frozenset[str]]]:
        """The records of all results, each with its own texts as ids are compared."""
        return [(record, frozenset(map(squash, _own_texts(record)))) for record in _records(self.results)]

    @cached_property
    def _known_texts(self) -> list[str]:
        """What was looked up and what came of it, the last first: most replies speak of that."""
        return list(texts_in([*self.heard.asked, *self.results.values()]))[::-1]

    @cached_property
    def _known_ids(self) -> list[str]:
        """The ids in all results."""
        return _ids_of(list(self.results.values()))

    def did(self, action: Action, verb: str, clause: str) -> bool:
        """Whether the receipt of an action proves that what the verb names was done, to what the clause names."""
        if action.reads:
            return False
        claimed, possible = deeds_of_verb(verb), deeds_of_action(action)
        fits = not claimed or not possible or bool(claimed & possible) or _is_issued(action, claimed, possible, clause)
        return fits and self._same_id(action, clause)

    def holds(self, number: str) -> bool:
        """Whether a number stands in a result."""
        if not self.results:
            return self.looked_up
        found = squash(" ".join([*texts_in(self.results), *map(str, _numbers(self.results))]))
        return squash(number) in found

    def shows(self, words: str, clause: str, *, own: bool = False) -> bool:
        """Whether something was looked up or done that can tell how things stand: with that id where the clause names one.

        What the agent says to have done itself (`own`) needs a state that names it.
        """
        if any(self.did(action, words, clause) for action in self.done):
            return True
        if "refund" in deeds_of_verb(words) and self.paid_back:
            return True
        if not own and any(self.holds(amount[0]) for amount in _AMOUNT.finditer(clause)) and self.results:
            return True
        if (seen := self._seen.get(clause)) is None:
            seen = self._seen[clause] = self.looked_up and self._same_id(None, clause) and self._asked_for(clause)
        if not seen:
            return False
        if _NEWLY.search(clause) and self._undone(clause):
            return False
        if _FINISHED.search(words) and any(map(_UNFINISHED.search, self.states(clause))):
            return any(map(_FINISHED.search, self.states(clause)))
        if self.results and not deeds_of_verb(words):
            return is_told(words, clause, self) if own else self._tells(words, clause)
        return not deeds_of_verb(words) or is_found(words.lower(), clause, self)

    def _undone(self, clause: str) -> bool:
        """Whether a clause names what only an action that was not done is about, and no result: "Roaming sudah aktif" beside a plan."""
        found = {word for action in self.done for word in action.name.split("_")}
        things = {
            word
            for action in self.actions
            if action not in self.done and action.builtin is None and not action.reads
            for word in action.name.split("_")
            if not deeds_in_text(word)
        }
        return any(
            contains(clause, thing) and not any(contains(text, thing) for text in self._known_texts)
            for thing in things - found
        )

    def _tells(self, words: str, clause: str) -> bool:
        """Whether a result names the state that a clause tells, where it gives one and the words have a known one."""
        families = [stems for stems in _SAME_STATE if any(stem in words.lower() for stem in stems)]
        if not families or not self.gives_state or "proses" in families[0]:
            return True
        states = self.states(clause)
        return any(_names(states, (*stems, *_IMPLIES.get(stems[0], ()))) for stems in families)

    @property
    def gives_state(self) -> bool:
        """Whether a result tells under a name of that sense how something stands."""
        return any(map(_STATUS_KEY.search, self._keys()))

    @property
    def gives_record(self) -> bool:
        """Whether what was found may be something of the customer's: a text, or a record with a state, a number or a sender."""
        texts = (each for outputs in self.results.values() for each in outputs if isinstance(each, str))
        return any(texts) or any(map(_OF_RECORD.search, self._keys()))

    def _keys(self) -> Iterator[str]:
        return (key for outputs in self.results.values() for record in _records(outputs) for key in record)

    @property
    def paid_back(self) -> bool:
        """Whether an effect returned an amount below zero: what was cancelled or changed was refunded, too."""
        outcomes = [self.results.get(action.name, ()) for action in self.done if not action.reads]
        return any(number < 0 for number in _numbers(outcomes))

    def _asked_for(self, clause: str) -> bool:
        """Whether the ids of a clause were looked up, where it is known what was looked up."""
        if not self.heard.asked:
            return True
        return all(any(contains(each, match[0]) for each in self._known_texts) for match in _ID.finditer(clause))

    def _same_id(self, action: Action | None, clause: str) -> bool:
        """Whether the ids of a clause are among those that an action returned, or any, where ids of their kind were returned."""
        named = [match[0] for match in _ID.finditer(clause)]
        if not named:
            return True
        known = self._known_ids if action is None else _ids_of(self.results.get(action.name, ()))
        kinds = set(map(_letters, known))
        same = set(map(squash, known))
        return all(squash(one) in same for one in named if _letters(one) in kinds)


@dataclass(frozen=True)
class Heard:
    """What else a conversation knows: states may be told from it, and what the business does for everyone.

    Args:
        customer: the customer's own messages; what they tell of a state may be repeated, what they ask may not.
        told: what the agent, colleagues and workflows wrote before, and what is remembered.
        business: instructions and passages.
        asked: arguments that actions were called with: an id that a result does not repeat was looked up all the same.
    """

    customer: Sequence[str] = ()
    told: Sequence[str] = ()
    business: Sequence[str] = ()
    asked: Sequence[Json] = ()

    def knows(self, said: str, clause: Clause, *, customer: bool = True) -> bool:
        """Whether the words were written before, of the same thing where the clause names it by its id, or the business says all of it.

        Args:
            said: the words.
            clause: where they stand.
            customer: the customer's word is enough.
        """
        ids = [match[0] for match in _ID.finditer(clause.text)]
        lines = self._stated if customer else []
        lines = lines + [each for each in self.told if all(contains(each, one) for one in ids)]
        return any(contains(line, said) for line in lines) or any(contains(each, clause.text) for each in self.business)

    @cached_property
    def _stated(self) -> list[str]:
        """What the customer wrote and did not ask, line by line."""
        return [line for each in self.customer for line in _LINE.split(each) if not _ASKED.search(line)]

    def supports(self, clause: str) -> bool:
        """Whether a sentence of the business, or one in which the customer told how things stand, has most of the words of a clause."""
        meant = [stems(word) for word in content(clause)]
        told = [line for line in self._stated if _IS_SO.search(line)]
        lines = (line for each in self.business for line in _LINE.split(each))
        known = (frozenset[str]().union(*map(stems, content(line))) for line in (*told, *lines))
        return bool(meant) and any(
            sum(not each.isdisjoint(one) for each in meant) >= _SUPPORTED * len(meant) for one in known
        )

    def has(self, number: str) -> bool:
        """Whether a number was written before, by anybody."""
        return any(contains(each, number) for each in (*self.customer, *self.told, *self.business))

    def names(self, told: Assertion) -> bool:
        """Whether the business says it of itself in other words, and it is no deed: `Kolamnya sudah direnovasi`."""
        if told.owned or deeds_of_verb(told.predicate):
            return False
        meant = stems(told.predicate)
        return any(not meant.isdisjoint(stems(word)) for each in self.business for word in words(each))


def is_told(claim: str, clause: str, evidence: Evidence) -> bool:
    """Whether the clause passes on a state that a result names, without claiming to have caused it."""
    if MYSELF.search(clause) or MONEY.search(clause):
        return False
    lowered, states = claim.lower(), evidence.states(clause)
    return any(any(stem in lowered for stem in stems) and _names(states, stems) for stems in _SAME_STATE)


def _is_issued(action: Action, claimed: Set[str], possible: Set[str], clause: str) -> bool:
    """Whether what is said to be made is the thing that the action sends: `send_certificate` issues a certificate."""
    if "create" not in claimed or possible != {"send"}:
        return False
    return any(contains(clause, noun) for noun in action.name.split("_") if not deeds_in_text(noun))


def is_paid(evidence: Evidence) -> bool:
    """Where payments can be checked, only that proves one; elsewhere a result that says so. Sending a code does neither."""
    if any(action.builtin == "check_payment" for action in evidence.done):
        return True
    return _names(evidence.states(), _PAID) and all(action.builtin != "check_payment" for action in evidence.actions)


def is_found(verb: str, clause: str, evidence: Evidence) -> bool:
    """Whether results of look-ups support a report: one names the state, or at least none contradicts it."""
    if not evidence.results:
        return True
    states = evidence.states(clause)
    families = [stems for stems in _SAME_STATE if any(stem in verb for stem in stems)]
    if any(_names(states, (*stems, *_IMPLIES.get(stems[0], ()))) for stems in families):
        return True
    if any(stem in verb for stem in DEFINITE):
        return False
    deeds = deeds_of_verb(verb)
    if "change" in deeds:
        became = _CHANGED_TO.search(clause)
        told = became is not None and contains(" ".join(texts_in(evidence.results)), became[1])
        return told or _names(states, ("ubah", "chang", "updat", "edit", "modif"))
    if "create" in deeds:
        return any(_RECORD_KEY.search(key) for record in _records(evidence.results) for key in record)
    if not evidence.gives_record:
        return not deeds  # free tables and slots tell nothing of what was done for the customer
    if deeds and evidence.gives_state:
        said = [stems(word) for word in content(verb)]
        return any(not one.isdisjoint(stems(word)) for word in content(" ".join(states)) for one in said)
    return not any(_names(states, stems) for stems in _SAME_STATE)


def _ids_of(value: object) -> list[str]:
    return [match[0] for match in _ID.finditer(" ".join(texts_in(value)))]


def _names(states: Sequence[str], stems: Sequence[str]) -> bool:
    return any(stem in state for state in states for stem in stems)


def _letters(identifier: str) -> str:
    return re.sub(r"[\d\W_]+", "", identifier).lower()


def _states(value: object) -> Iterator[str]:
    """The texts of a result that say what is, in lower case; those that say what is not (yet) are left out."""
    return (text.lower() for text in texts_in(value) if not _NOT_YET.search(text))


def _records(value: object) -> Iterator[Mapping[str, Json]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _records(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _records(item)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, Mapping):
        yield from _numbers(list(value.values()))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _own_texts(record: Mapping[str, Json]) -> Iterator[str]:
    return (item for item in record.values() if isinstance(item, str))
