"""LangSmith's spans around our middleware: prepared in place while nobody traces, and not in another thread each time."""

from collections.abc import Callable
from contextvars import Context
from typing import Any

import langsmith
from langsmith.utils import tracing_is_enabled


async def _in_place(
    default: Callable[..., Any], context: Context, work: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    if tracing_is_enabled():
        return await default(context, work, *args, **kwargs)
    return context.run(work, *args, **kwargs)


def prepare_in_place() -> None:
    """For this process: without tracing a span is empty, and its six thread hops a turn are all that it costs."""
    langsmith.set_runtime_overrides(aio_to_thread=_in_place)
