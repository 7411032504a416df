"""Structured logs on stderr: for people on a terminal, one JSON object a line everywhere else.

Secrets are masked in every line, and what customers write stands in none above debug: of a text only its length is kept.
"""

import logging
import sys
from collections.abc import Iterable
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from actions.redaction import Redactor
from settings.text import cleaned, harmless

_TEXTS: Final = frozenset(
    {"text", "texts", "body", "content", "caption", "transcript", "prompt", "arguments", "question", "answer", "reply"}
)
_TALKATIVE: Final = ("httpx", "httpcore", "openai", "urllib3", "chromadb", "faster_whisper", "asyncio", "alembic")


class _Secrets:
    """The processor that masks secrets; it learns further ones while the process runs."""

    def __init__(self) -> None:
        self._redactor = Redactor()

    def learn(self, secrets: Iterable[str]) -> None:
        self._redactor = self._redactor.also(secrets)

    def text(self, text: str) -> str:
        return self._redactor.text(text)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        masked: EventDict = self._redactor(dict(event))
        return masked


_secrets = _Secrets()


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging for this process: structlog's, and that of the libraries. `level` is debug, info, warning or error."""
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # plain: tracebacks with local variables would show secrets and texts
        without_texts,
        _secrets,
        _harmless,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
        if out.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _secrets, _harmless, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING) if number > logging.DEBUG else logging.DEBUG)


def hide(secrets: Iterable[str]) -> None:
    """Mask these values in every line from now on."""
    _secrets.learn(secrets)


def masked(text: str) -> str:
    """The text without secrets."""
    return _secrets.text(text)


def without_texts(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace what people wrote by its length, except at debug."""
    if method == "debug" or event.get("level") == "debug":
        return event
    return {key: _length(value) if key in _TEXTS else value for key, value in event.items()}


def _harmless(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Take what would steer a terminal out of every text of a line; the event itself is one line."""
    shown: EventDict = {
        key: harmless(value) if isinstance(value, str) else cleaned(value) for key, value in event.items()
    }
    if "\n" in (told := str(shown.get("event", ""))):
        shown["event"] = " ".join(told.split())
    return shown


def _length(value: object) -> object:
    if isinstance(value, str):
        return f"({len(value)} characters)"
    return f"({len(value)})" if isinstance(value, list | tuple | dict) else value
