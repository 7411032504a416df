"""Claims of a reply that something was done, and the receipts that prove them: plain functions over text.

Models say "sudah saya batalkan" without having called anything. A receipt, the outcome `done` of an action, is what makes such a
sentence true; without one it is not sent. `unproven` finds the claims; which receipt proves which kind is in `_proves`, and what was
done, found and said in `actions/evidence.py`. The words of claims are in `actions/claim_words.py`, which deed an action can do in
`actions/deeds.py`, and which sentences leave a deed open in `actions/sentences.py`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from actions.action import Action, Json
from actions.assertions import asserted, presumed
from actions.claim_words import ABOUT_SHOP, ACT, HANDOVER, MARK, PAYMENT, REPORT
from actions.dealings import asks_first, asks_for_something, given_number, is_policy, joined, promise, state
from actions.deeds import deeds_of_verb
from actions.evidence import DEFINITE, MYSELF, Evidence, Heard, is_found, is_paid, is_told
from actions.reminders.wording import promise_of_many
from actions.sentences import Clause, clauses, is_offered, is_open, plain
from settings.matching import TooCostly

if TYPE_CHECKING:
    from settings.matching import Found

Kind = Literal["declared", "act", "report", "payment", "handover", "recurring", "state", "promise"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement without a receipt.

    - `declared`: a `claims` pattern of agent.yaml; `action` is the one whose receipt is missing
    - `act`: the agent says that it did something itself
    - `report`: something of the customer's is said to be done, and no receipt or result says so
    - `payment`: money is said to have arrived
    - `handover`: a colleague is said to be coming
    - `recurring`: reminders are promised that come again and again, which no built-in action can do
    - `state`: it is told how something of the customer's stands, and nothing was looked up or done
    - `promise`: the agent says that it is about to do something, and ends its turn without
    """

    text: str
    kind: Kind
    action: str | None = None


def _compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    # blanks without end would make a run of blanks cost its square
    bounded = (pattern.replace(r"\s+", r"\s{1,9}").replace(r"\s*", r"\s{0,9}") for pattern in patterns)
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in bounded)


_PROMISED = _compiled(HANDOVER)
_GENERAL: tuple[tuple[Kind, tuple[re.Pattern[str], ...]], ...] = (
    ("handover", _PROMISED),
    ("payment", _compiled(PAYMENT)),
    ("act", _compiled(ACT)),
    ("report", _compiled(REPORT)),
)
_TELLS_OF_SHOP = re.compile(rf"\W*{ABOUT_SHOP}", re.IGNORECASE)
_VAGUE = re.compile(
    r"issu|made|sent|send|kirim|transfer|initiat|proses|process|submi|complet|put through|logg|selesai|beres|berhasil",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\b(?:refund|pengembalian|bayaran balik|cancellation|pembatalan|changes?|perubahan)", re.IGNORECASE)
_MONEY_BACK = re.compile(
    r"\b(?:money|funds|amount|uang|dana|duit)\w*\b.{0,20}\b(?:back|kembali|balik)\b", re.IGNORECASE
)
_PASSED_ON = re.compile(r"\b(?:teruskan|sampaikan|pass|forward|refer)|\b(?:will|akan|segera)\b", re.IGNORECASE)

_OFTEN = re.compile(
    r"\b(?:(?:se)?tiap|saban|every|each|daily|weekly|monthly|hourly|yearly|recurring|repeating|rutin|berkala|berulang|regularly)\b",
    re.IGNORECASE,
)
_SAYS_LITTLE = ("berstatus", "dibantu", "bantu", "gone")


def unproven(
    text: str,
    actions: Iterable[Action],
    receipts: Collection[str],
    results: Mapping[str, Sequence[Json]] | None = None,
    heard: Heard | None = None,
) -> list[Claim]:
    """Find the claims of a reply that no receipt proves, in the order of the text, at most one in a clause.

    Args:
        text: the reply as the customer would read it.
        actions: all actions of the agent.
        receipts: names of the actions that ended as `done` in this conversation; those of earlier turns count.
        results: what they returned, by name: a status that was looked up may be told without an act.
        heard: what else is known.
    """
    evidence = Evidence(list(actions), receipts, results, heard or Heard())
    reply = joined(plain(text))
    waits, presumes = asks_first(reply), evidence.is_empty and not asks_for_something(reply)
    stated = list(clauses(reply))
    try:
        evidence.read(stated)
    except TooCostly:
        return [Claim(text, "declared")]  # what could not be read in time was not proven
    found = (_unproven_in(clause, evidence, waits=waits, presumes=presumes) for clause in stated)
    return [claim for claim in found if claim is not None]


def _unproven_in(clause: Clause, evidence: Evidence, *, waits: bool, presumes: bool) -> Claim | None:
    if (claim := _declared(clause, evidence)) is not None:
        return claim
    claim, proven = _general(clause, evidence)
    if claim is None:
        claim = _of_dealings(clause, evidence, proven=proven)
    if claim is None and presumes and not proven:
        claim = _presumed(clause, evidence.heard)
    return claim if claim is not None or waits else _promised(clause, evidence)


def says_handover(text: str) -> bool:
    """Tell whether a reply announces a colleague, as opposed to offering one."""
    return any(
        not _open(clause, match, own=False, promise=True)
        for clause in clauses(plain(text))
        for match in _matches(_PROMISED, clause)
    )


def _matches(patterns: Iterable[re.Pattern[str]], clause: Clause) -> Iterator[re.Match[str]]:
    for pattern in patterns:
        yield from pattern.finditer(clause.text)


_MARKED = re.compile(rf"(?:^|\s){MARK}\b|\bbeen\b|\b(?:has|have)\b|'ve\b|\bI\b", re.IGNORECASE)


def _open(clause: Clause, match: "re.Match[str] | Found", *, own: bool, promise: bool = False) -> bool:
    groups = match.re.groupindex
    verb = next(
        (match.start(name) for name in ("v", "v2", "verb") if name in groups and match[name] is not None),
        match.start(),
    )
    start = match.start("s") if "s" in groups else match.start()
    return is_open(
        clause, start, verb, match.end(), marked=_MARKED.search(match[0]) is not None, own=own, promise=promise
    )


def _declared(clause: Clause, evidence: Evidence) -> Claim | None:
    missing: Claim | None = None
    receipts = {action.name for action in evidence.done}
    for action, match in evidence.declared[clause.text]:
        if _open(clause, match, own=MYSELF.search(match[0]) is not None):
            continue
        if action.name in receipts:
            return None  # several actions may be declared with one claim; any of them proves it
        missing = missing or Claim(match[0], "declared", action.name)
    return None if missing is None or is_told(missing.text, clause.text, evidence) else missing


def _general(clause: Clause, evidence: Evidence) -> tuple[Claim | None, bool]:
    """The claim of a clause in one of the known wordings, and whether a receipt proves one."""
    if (promised := promise_of_many(clause.text)) is not None and not is_offered(clause, _OFTEN.search(clause.text)):
        kept = any(map(_acts_outside, evidence.done))
        return None if kept else Claim(promised, "recurring"), kept
    proven = [match.span() for action, match in evidence.declared[clause.text] if action in evidence.done]
    borne_out = bool(proven)
    about_shop = _TELLS_OF_SHOP.match(clause.text) is not None
    for kind, patterns in _GENERAL:
        for match in _matches(patterns, clause):
            if kind == "report" and about_shop:
                continue
            if any(start < match.end() and match.start() < end for start, end in proven):
                continue
            if _open(clause, match, own=kind == "act", promise=kind == "handover"):
                continue
            if not _proves(kind, match, clause.text, evidence) and not _is_heard(kind, match, clause, evidence):
                return Claim(match[0].strip(), kind), False
            borne_out = True
    return None, borne_out


def _is_heard(kind: Kind, match: re.Match[str], clause: Clause, evidence: Evidence) -> bool:
    """Whether a report repeats what was written before; the customer's word supports a state, never that something was done."""
    if kind != "report":
        return False
    said = match[0][max(0, match.start("v") - match.start()) :].strip()
    own_deed = any(stem in said.lower() for stem in DEFINITE)
    return evidence.heard.knows(said, clause, customer=not own_deed)


def _of_dealings(clause: Clause, evidence: Evidence, *, proven: bool) -> Claim | None:
    """What is told of the customer's dealings though nothing shows it."""
    if (told := _told(clause, evidence, proven=proven)) is not None:
        return Claim(told, "state")
    heard = evidence.heard
    if (number := given_number(clause)) is not None and not evidence.holds(number) and not heard.has(number):
        return Claim(number, "state")
    return None


def _presumed(clause: Clause, heard: Heard) -> Claim | None:
    """What is told of the customer's dealings, in any words, where nothing was done or looked up."""
    told = presumed(clause)
    if told is None or heard.knows(told, clause) or heard.supports(told):
        return None
    return Claim(told, "state")


def _promised(clause: Clause, evidence: Evidence) -> Claim | None:
    """What is promised and not done."""
    if (promised := promise(clause)) is not None:
        handed = any(action.builtin == "hand_over" for action in evidence.done)
        done = handed or any(evidence.did(action, promised, clause.text) for action in evidence.done)
        if not done and not is_policy(promised, evidence.heard.business):
            return Claim(promised, "promise")
    return None


def _told(clause: Clause, evidence: Evidence, *, proven: bool) -> str | None:
    """What a clause tells of how something of this customer's stands, in the words of a known state or in any others."""
    heard = evidence.heard
    said = state(clause)
    declared = (match[0] for action, match in evidence.declared[clause.text] if action in evidence.done)
    if said is not None and any(said in claim for claim in declared):
        said = None  # the receipt of the action that declares it proves it
    if said is not None and not heard.knows(said, clause) and not evidence.shows(said, clause.text):
        return said
    told = None if proven else asserted(clause)
    if told is None or heard.knows(told.text, clause) or heard.names(told):
        return None
    near = told.text if told.predicate not in _SAYS_LITTLE else " ".join((told.text + told.rest).split()[:6])
    verb = _precise(near, clause.text, told.rest)
    return None if evidence.shows(verb, clause.text, own=MYSELF.search(told.text) is not None) else told.text


def _acts_outside(action: Action) -> bool:
    """Whether an action changes something in a system of the business, which may do what no built-in action can."""
    return action.builtin is None and not action.reads


def _proves(kind: Kind, match: re.Match[str], clause: str, evidence: Evidence) -> bool:
    """Whether a receipt or a result proves a claim. A note for colleagues passes something on, but hands nothing over."""
    if kind == "payment":
        return is_paid(evidence)
    if kind == "handover":
        passed_on = _PASSED_ON.search(match[0]) is not None
        return any(
            action.builtin == "hand_over" or (action.builtin == "comment" and passed_on) for action in evidence.done
        )
    groups = match.re.groupindex
    verb = next((match[name] for name in ("verb", "verb2") if name in groups and match[name]), match[0])
    verb = _precise(verb, clause, clause[match.end() :])
    if any(evidence.did(action, verb, clause) for action in evidence.done):
        return True
    if "refund" in deeds_of_verb(verb) and evidence.paid_back:
        return True
    told = is_told(match[0], clause, evidence)
    return kind == "report" and evidence.looked_up and (told or is_found(verb.lower(), clause, evidence))


def _precise(verb: str, clause: str, rest: str) -> str:
    """What a verb that may mean any deed is about: "I've issued a refund" is about the refund."""
    if turned := re.match(r" (?:on|off)\b", rest):
        verb += turned[0]
    if _VAGUE.search(verb) and _MONEY_BACK.search(clause):
        verb = "refund"
    if _VAGUE.search(verb) and (noun := _NOUN.search(clause)) is not None:
        verb = noun[0]
    return verb
