"""Knowledge of the agent: documents split into passages, kept in sync with their sources, found by keywords and vectors."""

from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError
from knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from knowledge.knowledge import Knowledge
    from knowledge.results import Hit, SearchResult
    from knowledge.store import KnowledgeStore

__all__ = ["Hit", "Knowledge", "KnowledgeError", "KnowledgeSettings", "KnowledgeStore", "SearchResult"]

# Lazy, because numpy takes long to import and `balas --help` does not need it.
_LAZY = {
    "SearchResult": "knowledge.results",
    "Hit": "knowledge.results",
    "Knowledge": "knowledge.knowledge",
    "KnowledgeStore": "knowledge.store",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
