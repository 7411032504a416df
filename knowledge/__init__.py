"""What the agent knows: documents, cut into passages, found for how people really write."""

from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError
from knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from knowledge.knowledge import Knowledge
    from knowledge.results import Found, Hit
    from knowledge.store import KnowledgeStore, MemoryStore

__all__ = ["Found", "Hit", "Knowledge", "KnowledgeError", "KnowledgeSettings", "KnowledgeStore", "MemoryStore"]

# numpy is imported only when knowledge is used: `balas --help` must answer at once.
_LAZY = {
    "Found": "knowledge.results",
    "Hit": "knowledge.results",
    "Knowledge": "knowledge.knowledge",
    "KnowledgeStore": "knowledge.store",
    "MemoryStore": "knowledge.store",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
