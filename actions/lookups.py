"""Which action looks a value up: a refusal that asks a customer for an item id asks for what customers cannot know.

The actions that only read tell by their outputs, names and descriptions what they yield; `LookUps` is filled while the actions are
opened and asked when a value had no source.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from actions.action import Action
from actions.parameters import Source

_IDENTIFIES = frozenset(
    "id ids no number numbers nomor code codes kode ref reference sku key uuid slug handle token method".split()
)
_SAYS_LITTLE = _IDENTIFIES | frozenset(
    "new old the a of to from for my your selected current target get find list by".split()
)
_MOST = 2


def _words(name: str) -> list[str]:
    """`itemIds` → `item`, `id`: lower case and singular."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    return [part.lower().removesuffix("s") if len(part) > 3 else part.lower() for part in parts]


class LookUps:
    """What the reading actions of an agent yield."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]] = {}

    def learn(self, action: Action, outputs: Iterable[str] = ()) -> None:
        """Note an action, when it only reads.

        Args:
            action: any action.
            outputs: names of the members of its results, as far as they are known.
        """
        if not action.reads or action.builtin is not None:
            return
        needed = action.parameters.get("required")
        self._known[action.name] = (
            frozenset(outputs),
            frozenset(word for name in (action.name, *outputs) for word in _words(name)),
            frozenset(_words(action.description)),
            frozenset(map(str, needed)) if isinstance(needed, list) else frozenset(),
        )

    def of(self, parameter: str) -> tuple[str, ...]:
        """Name the actions that most likely yield a value for a parameter; none where customers know it themselves."""
        words = _words(parameter)
        if not _IDENTIFIES & set(re.split(r"[_\W]+", parameter.lower())) and not _IDENTIFIES & set(words):
            return ()
        telling = set(words) - _SAYS_LITTLE
        scores = {
            name: 4 if parameter in outputs else 2 if telling & names else 1 if telling & described else 0
            for name, (outputs, names, described, needed) in self._known.items()
            if parameter not in needed
        }
        best = max(scores.values(), default=0)
        return tuple(name for name, score in scores.items() if score == best > 0)[:_MOST]


def remedy(name: str, description: str | None, sources: Sequence[Source], look_ups: LookUps) -> str:
    """Say what to do for a value without a source: which action yields it, or what to ask the customer.

    Args:
        name: of the parameter, with the path of a member.
        description: of the parameter, in words.
        sources: where it may come from.
        look_ups: the reading actions.
    """
    actions = [source.name for source in sources if source.kind == "action"]
    asked = description or name
    if not any(source.kind in ("conversation", "model") for source in sources):
        return f"Call {' or '.join(actions)} first and take {name} from its result."
    if actions:
        return f"Call {' or '.join(actions)} and take {name} from its result, or ask the customer for {asked}; never guess it."
    if found := look_ups.of(name.rpartition(".")[2] or name):
        return (
            f"Call {' or '.join(found)} to look {name} up and let the customer choose from the result; never guess it."
        )
    return f"Ask the customer for {asked}; never guess it."


def outputs_of(paths: Mapping[str, str] | None) -> tuple[str, ...]:
    """Name what `response.pick` takes: its names, and the last names of its paths."""
    if paths is None:
        return ()
    return tuple(name for key, path in paths.items() for name in (key, *re.findall(r"\w+", path)[-1:]) if name)
