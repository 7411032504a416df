"""A scripted conversation and what its answers must hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import InputError


@dataclass(frozen=True, slots=True)
class Scene:
    """What the customer says in one go, and what must come back.

    Each entry of `expect` is fulfilled by any of its texts; `payment` is rupiah; `replies` is the number of messages.
    """

    texts: tuple[str, ...]
    voice: Path | None
    expect: tuple[tuple[str, ...], ...]
    payment: int | None
    replies: int

    def shown(self) -> str:
        return " / ".join(self.texts) if self.texts else f"🎤 {self.voice.name if self.voice else ''}"


def load_script(path: Path) -> list[Scene]:
    """Read a script. Raises `InputError` for a file that is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        entries = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise InputError(f"{path} cannot be read as a script: {error}") from error
    return [_scene(entry) for entry in entries]


def _scene(entry: dict[str, Any]) -> Scene:
    said = entry.get("say", [])
    return Scene(
        texts=(said,) if isinstance(said, str) else tuple(said),
        voice=Path(entry["voice"]) if "voice" in entry else None,
        expect=tuple((each,) if isinstance(each, str) else tuple(each) for each in entry.get("expect", [])),
        payment=entry.get("payment"),
        replies=entry.get("replies", 1),
    )


def shortcomings(scene: Scene, texts: Sequence[str], amounts: Sequence[int]) -> list[str]:
    """What is wrong with an answer: `texts` of its messages, `amounts` of the payment codes that its pictures hold."""
    found = []
    if len(texts) != scene.replies:
        found.append(f"{len(texts)} messages instead of {scene.replies}")
    whole = _folded("\n".join(texts))
    found += [
        f"nothing of {' | '.join(wanted)}"
        for wanted in scene.expect
        if not any(_folded(text) in whole for text in wanted)
    ]
    if scene.payment is not None and scene.payment not in amounts:
        found.append(f"no payment code over {scene.payment} (found: {', '.join(map(str, amounts)) or 'none'})")
    return found


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()
