"""Explicit cache breakpoints, for providers that keep the beginning of a prompt only where they are told to.

Anthropic's models, directly and through OpenRouter: a block of content that holds `cache_control` ends a part of the prompt that is
kept, at most four times in a request; what was kept is looked for up to twenty blocks before such a block.
https://docs.claude.com/en/docs/build-with-claude/prompt-caching, https://openrouter.ai/docs/features/prompt-caching

They stand after what stays (tools come before the system message, so one mark covers both), after the history, which the next turn
repeats, and at the end, which the next call of the same turn repeats.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

FIELD: Final = "cache_control"
MOST = 4
"""Breakpoints that a request may hold."""


def wants_breakpoints(provider: str, name: str) -> bool:
    """Tell from the name of a model whether its provider wants to be told what to keep.

    Args:
        provider: `model.provider`.
        name: e.g. `claude-sonnet-4-5`, `anthropic/claude-sonnet-4.5`.
    """
    return provider == "anthropic" or (provider == "openai" and "claude" in name.lower())


def with_breakpoints(messages: "Sequence[BaseMessage]", beginning: int) -> "list[BaseMessage]":
    """Mark where the parts of a prompt end that other calls repeat.

    Args:
        messages: a whole prompt, with the system message in front.
        beginning: how many of them are the system message and the history.
    """
    marked = list(messages)
    ends = {_last_with_text(marked, end) for end in (1, beginning, len(marked))}
    for place in sorted(place for place in ends if place is not None)[-MOST:]:
        marked[place] = _marked(marked[place])
    return marked


def _last_with_text(messages: "Sequence[BaseMessage]", end: int) -> int | None:
    """The index of the last message before `end` that has a text, which can carry the cache mark; a call alone has none."""
    return next((place for place in reversed(range(end)) if messages[place].text.strip()), None)


def _marked(message: "BaseMessage") -> "BaseMessage":
    content = message.content
    blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    last = blocks[-1]
    blocks[-1] = {**({"type": "text", "text": last} if isinstance(last, str) else last), FIELD: {"type": "ephemeral"}}
    return message.model_copy(update={"content": blocks})


def kept_breakpoints(given: Sequence[Any], sent: Sequence[Any]) -> list[Any]:
    """Put the mark of a message back where langchain takes it off, in what it sends of assistants and tools.

    Args:
        given: the blocks of the message.
        sent: the blocks of the request.
    """
    last = given[-1] if given else None
    if not sent or not isinstance(last, Mapping) or FIELD not in last:
        return list(sent)
    return [*sent[:-1], {**sent[-1], FIELD: last[FIELD]}]


def without_breakpoints(content: Any) -> Any:
    """Take the marks out of the content of a request's message, for a server that has refused them.

    Args:
        content: a text, or blocks as the OpenAI API takes them.
    """
    if not isinstance(content, list):
        return content
    blocks = [
        {key: value for key, value in block.items() if key != FIELD} if isinstance(block, Mapping) else block
        for block in content
    ]
    if len(blocks) == 1 and isinstance(blocks[0], Mapping) and blocks[0].get("type") == "text":
        return blocks[0]["text"]
    return blocks
