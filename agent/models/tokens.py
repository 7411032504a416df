"""Counting tokens without asking a server, by tiktoken where it knows the model and its encoding lies on this machine, else by estimate;
and making a prompt fit.

tiktoken downloads an encoding the first time that it is used. That never happens here: only what is in its cache
(`TIKTOKEN_CACHE_DIR`) counts. The estimate errs upwards, so that what is made to fit by it does fit.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Counter: TypeAlias = Callable[[str], int]

PER_MESSAGE = 6
"""Tokens around each message and each call; servers' templates use 3 to 6."""

PICTURES = "pictures"
"""Key in `HumanMessage.additional_kwargs`: ids of the pictures that go with it; `agent.models.ask` shows them to a model that sees."""

PICTURE = 1_200
"""Tokens of a picture of at most 1024 x 1024 pixels; OpenAI counts up to 765, Anthropic up to 1,400 for a square."""

LEAST_OF_RESULT = 1_200
"""Characters of a result that stay, however little room there is."""

_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_ENCODINGS = {  # SHA-256 of the files, as `tiktoken_ext.openai_public` expects them
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
_PIECES = re.compile(r"[A-Za-z0-9]+|\s\s+|[^\S ]|[!-/:-@\[-`{-~]+|[^\x00-\x7F]|\S")
"""What has tokens of its own; a single space goes with the word behind it."""
_PLAIN_WORD = re.compile(r"[A-Za-z]?[a-z]*")
_KEPT = 4096


def estimate(text: str) -> int:
    """Estimate the tokens of a text, upwards.

    Args:
        text: of any language, or JSON.
    """
    return sum(map(_piece_tokens, _PIECES.findall(text)))


@lru_cache(_KEPT)
def _piece_tokens(piece: str) -> int:
    """Words of small letters are split the least, capitals and digits more, ids that mix them the most."""
    first = piece[0]
    if first.isspace():
        return 1 + len(piece) // 4
    if not first.isascii():
        return 1 if first < "\u0900" or "\u3000" <= first <= "\ud7ff" else 2 if first < "\U00010000" else 3
    if not first.isalnum():
        return len(piece)
    if _PLAIN_WORD.fullmatch(piece):
        return -(-len(piece) // 3)
    if piece.isdigit() or piece.isalpha():
        return -(-len(piece) // 2)
    return -(-3 * len(piece) // 4)


def counter(model: str) -> Counter:
    """Find the way to count for a model.

    Args:
        model: its name, with or without a provider before it (`openai/gpt-4o`).

    Returns:
        Counts the tokens of a text; repeated texts are counted once.
    """
    count = _by_tiktoken(model.rpartition("/")[2]) or estimate
    return lru_cache(_KEPT)(count)


def _by_tiktoken(model: str) -> Counter | None:
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    if not is_cached(name):
        return None
    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


def is_cached(encoding: str) -> bool:
    """Whether tiktoken can open an encoding without a download.

    Its cache is a folder of files that are named by the SHA-1 of their address (`tiktoken.load.read_file_cached`).
    """
    expected = _ENCODINGS.get(encoding)
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if expected is None or folder == "":
        return False
    place = Path(folder) if folder is not None else Path(tempfile.gettempdir()) / "data-gym-cache"
    name = hashlib.sha1(_ADDRESS.format(encoding).encode(), usedforsecurity=False).hexdigest()
    try:
        content = (place / name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == expected  # tiktoken would fetch a damaged one again


def of_messages(messages: "Sequence[BaseMessage]", count: Counter) -> int:
    """Count the tokens of messages, with their calls and what is around them.

    Args:
        messages: of a chat completion.
        count: counts a text.
    """
    return sum(of_message(message, count) for message in messages)


def of_message(message: "BaseMessage", count: Counter) -> int:
    """Count the tokens of one message.

    Args:
        message: of a chat completion.
        count: counts a text.
    """
    total = PER_MESSAGE + count(text_of(message))
    if message.additional_kwargs:
        total += PICTURE * len(message.additional_kwargs.get(PICTURES, ()))
    for call in message.tool_calls if message.type == "ai" else ():  # type: ignore[attr-defined]
        total += PER_MESSAGE + count(call["name"]) + count(json.dumps(call["args"], ensure_ascii=False, default=str))
    return total


def text_of(message: "BaseMessage") -> str:
    """Read the text of a message; langchain's `text` makes an object of it, which takes ten times as long."""
    content = message.content
    return content if isinstance(content, str) else str(message.text)


def of_tools(tools: Sequence[Mapping[str, Any]], count: Counter) -> int:
    """Count the tokens of tool descriptions.

    Args:
        tools: as the OpenAI API takes them.
        count: counts a text.
    """
    return count(json.dumps(list(tools), ensure_ascii=False)) if tools else 0


def cut(text: str, most: int) -> str:
    """Cut a text to at most so many characters, and show that it was cut."""
    return text if len(text) <= most else f"{text[: most - 2].rstrip()} …"


def shorten(messages: "Sequence[BaseMessage]", before: int, room: int, count: Counter) -> "list[BaseMessage]":
    """Make a prompt fit that has become too long: the oldest exchanges go, then results of this turn are cut, the longest first.

    Args:
        messages: a whole prompt, with the system message in front.
        before: how many of the messages after it are history.
        room: tokens.
        count: counts the tokens of a text.

    Returns:
        The messages; longer than `room` where nothing more can be taken away.
    """
    excess = of_messages(messages, count) - room
    system, history, kept = messages[0], list(messages[1 : 1 + before]), list(messages[1 + before :])
    while excess > 0 and history:
        end = next((place for place, each in enumerate(history) if place and each.type == "human"), len(history))
        excess -= of_messages(history[:end], count)
        del history[:end]
    results = [place for place, message in enumerate(kept) if message.type == "tool"]
    for place in sorted(results, key=lambda place: -len(kept[place].text)):
        if excess <= 0:
            break
        shown = kept[place].model_copy(update={"content": cut(kept[place].text, LEAST_OF_RESULT)})
        excess -= of_message(kept[place], count) - of_message(shown, count)
        kept[place] = shown
    return [system, *history, *kept]
