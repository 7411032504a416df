"""LangSmith's spans cost no thread while nobody traces, and are left alone when somebody does."""

import threading
from contextvars import copy_context

import pytest
from langsmith._internal._aiter import aio_to_thread
from langsmith.utils import get_env_var

from agent.turn.loop import prepare_in_place


async def test_without_tracing_a_span_is_prepared_in_place() -> None:
    prepare_in_place()
    assert await aio_to_thread(copy_context(), threading.current_thread) is threading.current_thread()


async def test_with_tracing_a_span_keeps_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_in_place()
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    get_env_var.cache_clear()
    try:
        assert await aio_to_thread(copy_context(), threading.current_thread) is not threading.current_thread()
    finally:
        get_env_var.cache_clear()
