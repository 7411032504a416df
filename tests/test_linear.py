"""No text that a customer writes may freeze the agent: the work grows with the text, not with its square.

What is measured is growth, on processor time: four times the text takes about four times as long, sixteen times if it is
quadratic.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from actions.claims import says_handover, unproven
from actions.provenance import without_quotes
from actions.qris.mentions import says_paid, spoken_amount
from actions.qris.money import find_amounts
from actions.redaction import secret_in
from agent.turn import checks, gate, grounds
from knowledge.gaps import without_private
from language import answers, dates, numbers, tokens, values
from language.consent import yes_or_no
from language.detect import detect
from language.intents import says_dont_know, small_talk, wants_human
from language.reading import read
from messaging.formatting import render
from messaging.splitting import split
from settings.text import clean, one_line
from tests.patterns import SCANS, WORST, Use, attacks, growth, patterns, unread

ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "finished": gate.finished,
    "detect": detect,
    "wants_human": wants_human,
    "yes_or_no": lambda text: yes_or_no(text, "Batalkan pesanan?"),
    "small_talk": small_talk,
    "says_dont_know": says_dont_know,
    "without_private": without_private,
    "secret_in": secret_in,
    "says_handover": says_handover,
    "unproven": lambda text: unproven(text, [], []),
    "without_quotes": without_quotes,
    "without_marks": checks.without_marks,
    "asks_to_be_reminded": grounds.asks_to_be_reminded,
    "names_a_time": grounds.names_a_time,
    "likelihood": lambda text: answers.likelihood(read(text, "Batalkan?")),
    "says_paid": says_paid,
    "spoken_amount": spoken_amount,
    "find_amounts": find_amounts,
    "numbers": numbers.numbers,
    "figures": numbers.figures,
    "normalise": lambda text: numbers.normalise(text, "id"),
    "moments_in": lambda text: dates.moments_in(text, NOW, ZONE),
    "moment_named": lambda text: dates.moment_named(text, NOW, ZONE),
    "without_times": dates.without_times,
    "words": tokens.words,
    "spelled": tokens.spelled,
    "phones": lambda text: values.phones(text, "ID"),
    "contains": lambda text: values.contains(text, "KS-10234"),
    "clean": clean,
    "one_line": lambda text: one_line(text, 60),
    "render": lambda text: render(text, "whatsapp"),
    "split": lambda text: split(text, 1000),
}
UNITS = [
    *(
        " ",
        "\n",
        "a",
        "1",
        ".",
        "(",
        "_",
        "*",
        "`",
        "@",
        "[",
        "<",
        "a ",
        "1 ",
        "1.",
        "a.",
        "a@",
        "sudah ",
        "besok ",
        "jam 1 ",
    ),
    *(
        "rp ",
        "dua ",
        "ya ",
        "tidak ",
        "1-",
        "+62",
        "kak ",
        "*a",
        "[a](",
        "https://a",
        "> ",
        "- ",
        "ribu ",
        "\x00",
        "😀",
        "satu juta ",
        "a, ",
        "A1-",
        "ks-",
        "abc",
        "#a",
    ),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_over_customer_text_are_linear(name: str) -> None:
    work = FUNCTIONS[name]
    work("halo kak, 2 kopi besok jam 9 ya?")  # tables are read once
    slow = {}
    for unit in UNITS:
        worst = growth(work, lambda size, unit=unit: unit * (size // len(unit)) + "!", small=1_000, floor=0.004)
        if worst > WORST:
            slow[unit] = round(worst, 1)
    assert not slow


def _worst(use: Use, small: int = 1_200) -> tuple[str, str, float] | None:
    """The attack under which a pattern grows worse than its text, if there is one."""
    for unit, start in attacks(use.pattern):
        worst = growth(use.work, lambda size, u=unit, s=start: s + u * (size // len(u)) + "\x00", small=small)
        if worst > WORST:
            return start, unit, round(worst, 1)
    return None


@pytest.mark.timeout(900)  # the walk takes a minute of processor time, which a busy machine gives in many
def test_every_pattern_is_linear() -> None:
    slow = {f"{use.name} {use.pattern.pattern}": worst for use in patterns() if (worst := _worst(use))}
    assert not slow, "\n".join(f"{name[:300]}: {attack}" for name, attack in slow.items())


def test_patterns_are_found_wherever_they_stand() -> None:
    names = {use.name for use in patterns()}
    assert {"agent.turn.gate._ANNOUNCING", "knowledge.documents.cells._SHAPES", "actions.claims._GENERAL"} <= names
    assert any(name.startswith("agent.models.textcalls:") for name in names)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        *((r"\s+x", SCANS), (r"a*a*b", {"match"}), (r"\w*\s*\w*", {"fullmatch"}), (r".*a.*a", {"search"})),
        *((r"\bdan\b.*\batau\b", {"search"}), (r"(?:rp ?\d+ )+10", {"search"}), (r"[\w.-]+@", {"sub"})),
        *((r"<!--.*?-->", {"sub"}), (r"\bdari\b\D*\d", {"search"})),
    ],
)
def test_a_quadratic_pattern_would_be_found(text: str, ways: set[str]) -> None:
    assert _worst(Use("an attack", re.compile(text), frozenset(ways))) is not None


def test_no_pattern_stands_where_the_walk_does_not_see_it() -> None:
    assert unread() == {
        "actions.claims",  # lists of `actions.claim_words`, found as what they become
        "actions.mcp.schemas",  # the parser of `re`, which matches nothing
        "actions.redaction",  # secrets, all escaped
        "agent.scenarios.expected",  # an owner's patterns, with a limit of time
        "agent.web.server",  # Starlette's own
        "knowledge.index.embeddings",  # a table that is found
        "settings.matching",  # an owner's patterns, with a limit of time
    }
