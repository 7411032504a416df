"""Knowledge of the agent: documents split into passages, kept in sync with their sources, found by keywords and vectors."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.errors import KnowledgeError
    from knowledge.knowledge import Knowledge
    from knowledge.results import Hit, SearchResult
    from knowledge.settings import KnowledgeSettings
    from knowledge.store import KnowledgeStore

__all__ = ["Hit", "Knowledge", "KnowledgeError", "KnowledgeSettings", "KnowledgeStore", "SearchResult"]

# Lazy, because numpy and pydantic take long to import, and `balas --help` and the processes that read documents do not need them.
_LAZY = {
    "Hit": "knowledge.results",
    "Knowledge": "knowledge.knowledge",
    "KnowledgeError": "knowledge.errors",
    "KnowledgeSettings": "knowledge.settings",
    "KnowledgeStore": "knowledge.store",
    "SearchResult": "knowledge.results",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
