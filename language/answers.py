"""How likely a message is a plain yes to a question: a second opinion beside the rules of `language.consent`.

    likelihood("iya tolong ya, penting soalnya buat acara kantor", "Kirim pesanan?", undoing=False)     # 0.98
    likelihood("1 kotak aja deh", "Kirim 2 kotak?", undoing=False)                                      # 0.03

A logistic regression over words and parts of words. What the question said counts as one word ("the question's own"), and so does a number
that it did not say, so that nothing is learnt of one shop. The weights are in `data/answers.bin`, one signed byte a bucket; they are
learnt from the answers written for balas (`tests/language/data/`) by

    python -m language.answers tests/language/data/consent*.txt
"""

import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from language import regression

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


def likelihood(text: str, question: str, *, undoing: bool) -> float:
    """Estimate how likely a message is a plain yes.

    Args:
        text: the message, as `language.agreement.fold` writes it.
        question: what it answers, written likewise.
        undoing: whether the question is about undoing something.
    """
    return regression.estimate(_weights(), _features(text, question, undoing=undoing))


@cache
def _weights() -> Sequence[int]:
    return regression.read_weights(_FILE)


@lru_cache(maxsize=500)
def _spoken(question: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(question))


def _features(text: str, question: str, *, undoing: bool) -> list[int]:
    """The buckets of a text: of its words, of two and three words in a row, and of the parts of its words."""
    asked = _spoken(question)
    words = ["<u" if undoing else "<d"]
    for token in _TOKEN.findall(_HELD.sub(r"\1", text))[:_LONGEST]:
        if _UNDOING.search(token):
            words.append("=undo" if undoing else "≠undo")
        elif token[0].isdigit():
            words.append("=number" if token in asked else "≠number")
        else:
            words.append("=word" if len(token) > 3 and token in asked else token)
    words.append(">")
    grams = {"bias", *words}
    grams |= {" ".join(words[at : at + size]) for size in (2, 3) for at in range(len(words) - size + 1)}
    for word in words[1:-1]:
        parted = f" {word} "
        grams |= {f"#{parted[at : at + size]}" for size in (2, 3, 4, 5) for at in range(len(parted) - size + 1)}
    return regression.buckets(grams)


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


def learn(answers: Iterable[Answer]) -> "array[int]":
    """Learn the weights from answers, always the same from the same answers."""
    from language.agreement import fold
    from language.clauses import question_of

    return regression.learn(
        (_features(fold(one.text), fold(one.question), undoing=question_of(one.question).undoing), one.agrees)
        for one in answers
    )


if __name__ == "__main__":
    stored = [one for name in sorted(sys.argv[1:]) for one in examples(Path(name).read_text("utf-8").splitlines())]
    _FILE.write_bytes(learn(stored).tobytes())
    sys.stdout.write(f"{_FILE.name}: learnt from {len(stored)} answers\n")
