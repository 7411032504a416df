"""How likely a message is a plain yes to a question: what settles an answer that the rules of `language.consent` leave open.

A logistic regression over words and parts of words, over what kind of word each is to the question (its own, a deed, a condition, a
person, one that nothing is known of), over the same of what stands behind the yes at its beginning, and over what the rules found in its
clauses. What the question said counts as one word ("the question's own"), and so does a number that it did not say, so that nothing
is learnt of one shop. The weights are in `data/answers.bin`, one signed byte a bucket; they are learnt from the answers written for balas
(`tests/language/data/`) by

    python -m language.answers tests/language/data/consent*.txt

and have to be learnt anew when the rules change.
"""

import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

from language import regression
from language.agreement import kinds_of, shortened, spelled, undoes, vocabulary
from language.clauses import Clause, Question
from language.lexicon import STOPWORDS
from language.reading import Read, read

_FILE: Final = Path(__file__).parent / "data" / "answers.bin"

_TOKEN: Final = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|[^\w\s]")
_HELD: Final = re.compile(r"([^\W\d_])\1{2,}")
_UNDOING: Final = re.compile(r"batal|cancel|henti|stop|hapus|tutup|delet|remov|terminat|unsubscri")
_LONGEST: Final = 60
"""Words of an answer that are looked at."""


class Answer(NamedTuple):
    """An answer with its question, and whether it is a yes."""

    text: str
    question: str
    agrees: bool


def likelihood(answer: Read) -> float:
    """Estimate how likely a message is a plain yes."""
    return regression.estimate(_weights(), features(answer))


@cache
def _weights() -> Sequence[int]:
    return regression.read_weights(_FILE)


@lru_cache(maxsize=500)
def _spoken(question: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(question))


def features(answer: Read) -> list[int]:
    """The buckets of an answer."""
    tokens = _TOKEN.findall(_HELD.sub(r"\1", answer.text))[:_LONGEST]
    sort = "u" if answer.question.undoing else "d"
    kinds = [_kind(token, answer.question) for token in tokens]
    grams = {"bias", f"#{min(len(tokens), 12) // 2}"} | _of_words(tokens, answer.asked, sort) | _of_rules(answer, sort)
    grams |= {f"K{gram}" for size in (1, 2, 3, 4) for gram in _rows([f"<{sort}", *kinds, ">"], size)}
    named = sorted({kind for kind in kinds if kind[0] == "="})
    grams |= {f"{kind}&{sort}" for kind in named} | {f"{a}&{b}&{sort}" for a, b in combinations(named, 2)}
    return regression.buckets(grams | _of_the_rest(answer, sort))


def _rows(words: Sequence[str], size: int) -> Iterator[str]:
    for at in range(len(words) - size + 1):
        yield " ".join(words[at : at + size])


def _of_words(tokens: Sequence[str], asked: str, sort: str) -> set[str]:
    """Words, two and three in a row, and the parts of each."""
    spoken = _spoken(asked)
    words = [f"<{sort}"]
    for token in tokens:
        if _UNDOING.search(token):
            words.append("=undo" if sort == "u" else "≠undo")
        elif token[0].isdigit():
            words.append("=number" if token in spoken else "≠number")
        else:
            words.append("=word" if len(token) > 3 and token in spoken else token)
    words.append(">")
    found = {gram for size in (1, 2, 3) for gram in _rows(words, size)}
    for word in words[1:-1]:
        parted = f" {word} "
        found |= {f"#{parted[at : at + size]}" for size in (2, 3, 4, 5) for at in range(len(parted) - size + 1)}
    return found


def _of_rules(answer: Read, sort: str) -> set[str]:
    found = {f"R{answer.reading}/{answer.bar}", f"R{answer.reading}/{answer.bar}{sort}"}
    for at, clause in enumerate(answer.clauses[:_MOST_CLAUSES]):
        place = f"C{'+' if at else 0}"
        flags = [name for name in _FLAGS if getattr(clause, name)]
        for trait in (str(clause.verdict), *flags):
            found |= {f"{place}{trait}", f"{place}{trait}{sort}"}
        found.add(f"{place}{clause.verdict}:{','.join(flags)}")
    return found


def _of_the_rest(answer: Read, sort: str) -> set[str]:
    """What stands behind the yes at the beginning, and how it is set off from it."""
    text = answer.text.lstrip(" ,")[len(answer.agreement) :]
    begins = "H" if answer.agreement else "N"
    mark = _MARK.match(text)
    parted = (mark[1] if mark else "_") if text.strip(" .!") else "end"
    tokens = _TOKEN.findall(text)[:_LONGEST]
    shapes = ["<"]
    for token in tokens:
        kind = _kind(token, answer.question)
        if kind == "=unknown":
            kind = "=nya" if token.endswith("nya") else "=verb" if _VERB.fullmatch(token) else kind
        if kind not in (".", "!", ","):
            shapes.append(kind)
    shapes.append(">")
    found = {f"T{begins}{parted}", f"T{begins}{parted}{sort}", f"Tn{min(len(shapes) - 2, 8)}"}
    found |= {f"T{begins}{gram}" for size in (1, 2, 3) for gram in _rows(shapes, size)}
    found |= {f"T{one}{shape}" for shape in shapes[1:-1] for one in (parted, sort)}
    return found | {f"Tw{gram}" for size in (1, 2) for gram in _rows(tokens, size)}


def _kind(token: str, question: Question) -> str:
    """What a word is to the question, apart from which one."""
    if not token[0].isalnum():
        return token
    if token[0].isdigit():
        return "=number"
    words, word = vocabulary(), spelled(shortened(token))
    if undoes(word):
        return "=undo"
    for kind in _TELLING:
        if word in getattr(words, kind):
            return f"={kind}"
    if kinds := kinds_of(word):
        return "=meant" if kinds & question.kinds else "=deed"
    if question.names(token):
        return "=own"
    for kind in _SUPPORTING:
        if word in getattr(words, kind):
            return f"={kind}"
    if word in words.neutral:
        return word if len(word) < 5 else "=neutral"
    return word if word in STOPWORDS else "=unknown"


_MARK: Final = re.compile(r"\s*([,.!;\n…]+)")
_VERB: Final = re.compile(
    r"(?:di\w{4,}|me[mnlry]\w{4,}|(?:ber|ter)\w{3,}|ke\w{3,}an|n[gy]\w{3,}|\w{4,}(?:in|kan|ed|ing))"
)
_MOST_CLAUSES: Final = 6
_FLAGS: Final = tuple(field.name for field in fields(Clause) if field.name != "verdict")
_TELLING: Final = ("conditions", "questions", "no", "yes", "leading", "go", "weak")
_SUPPORTING: Final = tuple(
    "changes limits other times stay keep persons addressed states qualities places demonstratives past wants says complaints bare".split()
)


# Learning


def examples(lines: Iterable[str]) -> Iterator[Answer]:
    """Read answers as they are stored: `? key = question`, `= verdict key`, then one answer a line."""
    questions: dict[str, str] = {}
    verdict, key = "", ""
    for line in lines:
        match line[:2]:
            case "? ":
                key, _, asked = line[2:].partition(" = ")
                questions[key] = asked
            case "= ":
                verdict, key = line[2:].split()
            case "! " | "# " | "":
                pass
            case _:
                yield Answer(line.replace("\\n", "\n"), questions[key], verdict == "yes")


def rows(answers: Iterable[Answer]) -> list[tuple[Sequence[int], bool]]:
    """Prepare answers for `regression.learn`."""
    return [(features(read(one.text, one.question)), one.agrees) for one in answers]


def learn(prepared: Iterable[tuple[Sequence[int], bool]]) -> "array[int]":
    """Learn the weights from `rows`, always the same from the same ones."""
    return regression.learn(prepared, rounds=25)


if __name__ == "__main__":
    stored = [one for name in sorted(sys.argv[1:]) for one in examples(Path(name).read_text("utf-8").splitlines())]
    _FILE.write_bytes(learn(rows(stored)).tobytes())
    sys.stdout.write(f"{_FILE.name}: learnt from {len(stored)} answers\n")
