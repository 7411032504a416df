"""The exceptions of this package.

KnowledgeError
├── SourceError          a source or document cannot be read; the others go on
│   ├── Unreadable       broken, scanned, password-protected, too large, or of a kind without a loader
│   └── Unreachable      the web did not answer or refused
│       └── Gone         the page does not exist any more
├── ChromaError          Chroma cannot be used
│   └── IndexLocked      another process owns the folder
├── EmbeddingError       the embedding model did not answer, or answered something else
├── NoSuchSource         no configured source has this name
├── SourceExists         there is a source with this path or address
├── NoPlace              a phrasing cannot be written where it was asked to be
├── EvaluationError      a line of an evaluation file is wrong
└── GapNotFound          no collected question has this number
"""


class KnowledgeError(Exception):
    """Base of everything this package raises."""


class SourceError(KnowledgeError):
    """A source or document cannot be read. The message names it and says what would help."""


class Unreadable(SourceError):
    """The bytes are there but hold no text that can be used."""

    reason = "unreadable"  # by which a worker process reports it


class Unreachable(SourceError):
    """The bytes could not be fetched."""


class Gone(Unreachable):
    """The server says that the page does not exist (404 or 410)."""


class ChromaError(KnowledgeError):
    """Chroma cannot be opened or does not answer."""


class IndexLocked(ChromaError):
    """Another process owns the Chroma folder: two writers damage its index without any error."""


class EmbeddingError(KnowledgeError):
    """The embedding model failed."""


class NoSuchSource(KnowledgeError):
    """No configured source has this name; the message lists them."""


class SourceExists(KnowledgeError):
    """A source that is to be added is one already."""


class NoPlace(KnowledgeError):
    """A phrasing cannot be written to a passage; the message says what can be done instead."""


class EvaluationError(KnowledgeError):
    """A line of an evaluation file is not what it should be."""


class GapNotFound(KnowledgeError):
    """No collected question has this number."""
