"""What a turn may use of what was found. Old copies are kept from the model, and what only they answer goes to a human."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agent.turn.passages import render

if TYPE_CHECKING:
    from knowledge import Found

LIKELY = 0.15
"""Below this score fewer than 1 in 100 right passages of the test sets were found: such a passage is not what was asked for."""

AS_GOOD = 0.9
"""A current passage with this share of an outdated one's score answers as well; further down it usually is about something else."""

_LEFT_OUT = (
    "Other passages that fit are too old to be relied on and were left out. If those above do not hold the answer, say that you "
    "don't know, and offer a colleague."
)


class Rated(Protocol):
    """What the decision needs of a hit."""

    @property
    def score(self) -> float: ...
    @property
    def stale(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What came of a search; kept as a step, so that a resumed turn sees the same.

    `passages` is what the model reads, `nearest` the id of the best passage, `outdated` the sources that were left out. `needs_human`
    says that an answer from passages would rest on those.
    """

    passages: str = ""
    confidence: float = 0.0
    foreign: bool = True
    nearest: str | None = None
    outdated: tuple[str, ...] = ()
    needs_human: bool = False

    @classmethod
    def of(cls, found: "Found") -> "Retrieved":
        nearest = found.hits[0].id if found.hits else None
        if found.foreign:
            return cls("", found.confidence, foreign=True, nearest=nearest)
        outdated = tuple(dict.fromkeys(hit.source for hit in found.hits if hit.stale))
        parts = [render([hit for hit in found.hits if not hit.stale]), _LEFT_OUT if outdated else ""]
        return cls(
            "\n\n".join(part for part in parts if part),
            found.confidence,
            foreign=False,
            nearest=nearest,
            outdated=outdated,
            needs_human=rests_on_outdated(found.hits),
        )

    @classmethod
    def read(cls, output: Mapping[str, Any]) -> "Retrieved":
        """The inverse of `written`."""
        names = cls.__dataclass_fields__
        known = {name: value for name, value in output.items() if name in names}
        return cls(**{**known, "outdated": tuple(known.get("outdated", ()))})

    def written(self) -> dict[str, Any]:
        return {**asdict(self), "outdated": list(self.outdated)}


def rests_on_outdated(hits: Sequence[Rated]) -> bool:
    """Whether the passage that fits is outdated, and no current one fits as well."""
    outdated = max((hit.score for hit in hits if hit.stale), default=0.0)
    current = max((hit.score for hit in hits if not hit.stale), default=0.0)
    return outdated >= LIKELY and current < AS_GOOD * outdated
