"""What a model reads of an action: its description, and examples of what customers say when they want it.

`describe` and `read` are inverse, so that a model that is a program finds the examples again.
"""

import json
from collections.abc import Sequence

_HEADING = "\n\nCustomers ask for it in words like:\n"


def describe(description: str, examples: Sequence[str] = ()) -> str:
    """The tool description of an action."""
    if not examples:
        return description
    return description + _HEADING + "\n".join(f"- {json.dumps(text, ensure_ascii=False)}" for text in examples)


def read(description: str) -> tuple[str, tuple[str, ...]]:
    """The description and the examples that `describe` joined; any other text is a description without examples."""
    head, heading, tail = description.rpartition(_HEADING)
    if not heading:
        return description, ()
    examples = []
    for line in tail.split("\n"):
        example = _example(line)
        if example is None:
            return description, ()
        examples.append(example)
    return head, tuple(examples)


def _example(line: str) -> str | None:
    try:
        text = json.loads(line.removeprefix("- ")) if line.startswith("- ") else None
    except ValueError:
        return None
    return text if isinstance(text, str) else None
