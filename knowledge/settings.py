"""The `knowledge:` part of agent.yaml."""

from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ByteSize, Discriminator, Field, SecretStr, Tag, model_validator

from settings import Duration, Settings

FILE_REFRESH = timedelta(minutes=5)
WEB_REFRESH = timedelta(hours=24)
AUTO = Path(".balas/embeddings")
"""Folder beside agent.yaml where `embeddings: auto` looks for a local model."""


class CrawlSettings(Settings):
    """A site followed from one page along its own links."""

    url: str = Field(
        description="The page to start from; only pages of the same host are followed.", pattern="^https?://"
    )
    depth: int = Field(default=2, ge=0, le=10, description="How many links away from the first page to go.")
    pages: int = Field(default=500, ge=1, le=100_000, description="Stop after this many pages.")


class SourceSettings(Settings):
    """Where documents come from: exactly one of `path`, `url`, `sitemap` and `crawl`.

    An entry may be written as plain text: `docs/**/*.md` is a path, `https://…` a url.
    """

    path: str | None = Field(
        default=None,
        description="A file or a glob such as `docs/**/*.md`, relative to agent.yaml. "
        "Markdown, text, CSV, JSON, XLSX, ODS, HTML, EPUB, PDF, DOCX, ODT and PPTX are read.",
    )
    url: str | None = Field(default=None, description="One page or file on the web.", pattern="^https?://")
    sitemap: str | None = Field(default=None, description="A sitemap.xml whose pages are read.", pattern="^https?://")
    crawl: CrawlSettings | None = Field(default=None, description="A site followed along its links.")
    refresh: Duration | None = Field(
        default=None, description="How often to look for changes; by default 5m for files and 24h for the web."
    )
    volatile: bool = Field(
        default=False,
        description="Facts that go out of date, such as prices: when the copy is old, the agent hands over instead of answering.",
    )
    expires: date | Duration | None = Field(
        default=None,
        description="From when on the source must no longer be quoted: a date (the last valid day), "
        "or how long after it was last verified, e.g. `7d`.",
    )
    language: str | None = Field(default=None, description="Language of the documents, e.g. `id`, `ms`, `en`.")
    title: str | None = Field(default=None, description="Title shown with the passages instead of the document's own.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"url": value} if value.startswith(("http://", "https://")) else {"path": value}
        return value

    @model_validator(mode="after")
    def _exactly_one_place(self) -> "SourceSettings":
        named = [name for name in ("path", "url", "sitemap", "crawl") if getattr(self, name) is not None]
        if len(named) != 1:
            found = f"found {' and '.join(named)}" if named else "found none"
            raise ValueError(f"a source needs exactly one of path, url, sitemap and crawl; {found}")
        return self

    @property
    def id(self) -> str:
        """What the source is called everywhere: its path or address as configured."""
        return self.path or self.url or self.sitemap or (self.crawl.url if self.crawl else "")

    @property
    def fingerprint(self) -> str:
        """Changes when the source is configured otherwise."""
        return blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()

    @property
    def refresh_after(self) -> timedelta:
        return self.refresh or (FILE_REFRESH if self.path else WEB_REFRESH)


class EndpointSettings(Settings):
    """An embedding model behind an OpenAI-compatible `/embeddings`."""

    query_prefix: str | None = Field(
        default=None,
        description="Put in front of a question; null: what models of this name want (`query: ` for e5), else nothing.",
        examples=["query: "],
    )
    passage_prefix: str | None = Field(
        default=None,
        description="Put in front of a passage; null: what models of this name want (`passage: ` for e5), else nothing.",
        examples=["passage: "],
    )

    model: str = Field(description="Name of the embedding model, e.g. `text-embedding-3-small`.")
    base_url: str = Field(default="https://api.openai.com/v1", description="Base URL of the server.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    weight: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Weight of the vectors beside the keywords: 0 keywords only, 1 vectors only.",
    )


class FolderSettings(Settings):
    """An embedding model in a local folder: `model.onnx` and `tokenizer.json`."""

    query_prefix: str | None = Field(
        default=None,
        description="Put in front of a question; null: what the model's own configuration or name says, else nothing.",
        examples=["query: "],
    )
    passage_prefix: str | None = Field(
        default=None,
        description="Put in front of a passage; null: what the model's own configuration or name says, else nothing.",
        examples=["passage: "],
    )
    pooling: Literal["mean", "cls"] | None = Field(
        default=None,
        description="How token vectors become one: their mean, or the first (CLS); null: what the model's own `1_Pooling/config.json` "
        "says, else the mean.",
    )

    path: Path = Field(description="Folder with `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`.")
    weight: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Weight of the vectors beside the keywords: 0 keywords only, 1 vectors only.",
    )


def _kind_of_embeddings(value: Any) -> str:
    if isinstance(value, str):
        return "word"
    if isinstance(value, dict):
        return "folder" if "path" in value else "endpoint"
    return "folder" if isinstance(value, FolderSettings) else "endpoint"


EmbeddingSettings: TypeAlias = Annotated[
    Annotated[Literal["auto", "none"], Tag("word")]
    | Annotated[EndpointSettings, Tag("endpoint")]
    | Annotated[FolderSettings, Tag("folder")],
    Discriminator(_kind_of_embeddings),
]


class ChromaSettings(Settings):
    """Where Chroma keeps the passages: in a folder of ours, or on a Chroma server."""

    path: Path = Field(default=Path(".balas/chroma"), description="Folder of the embedded Chroma; one process owns it.")
    url: str | None = Field(
        default=None,
        description="A Chroma server, e.g. `http://chroma:8000`; needed as soon as several processes answer.",
        pattern="^https?://",
    )
    token: SecretStr | None = Field(default=None, description="Bearer token of the Chroma server.")


class KnowledgeSettings(Settings):
    """What the agent may quote, and how it is found."""

    sources: tuple[SourceSettings, ...] = Field(
        default=(), description="Documents, pages and sites the agent answers from."
    )
    embeddings: EmbeddingSettings = Field(
        default="auto",
        description="`auto`: the local model that `balas knowledge pull` fetched; without one, OpenAI's `text-embedding-3-small` when the "
        "chat model is OpenAI's own and has a key; else keywords alone. `none`: keywords alone, and no Chroma. "
        "`{model, base_url, api_key}` names an OpenAI-compatible embedding endpoint, `{path}` a local ONNX model.",
    )
    chroma: ChromaSettings = Field(default_factory=ChromaSettings, description="Where Chroma keeps the passages.")
    passages: int = Field(default=6, ge=1, le=50, description="At most this many passages go to the model.")
    cite: bool = Field(
        default=False,
        description="Whether an answer names the documents that it comes from. The steps of the turn always do.",
    )
    words: int = Field(default=600, ge=50, le=10_000, description="At most about this many words go to the model.")
    largest: ByteSize = Field(
        default=ByteSize(20_000_000),
        validate_default=True,
        description="A bigger file or page is refused, e.g. `20MB`.",
    )
    suggestions: Path = Field(
        default=Path("knowledge/learned.md"),
        description="File in which accepted suggestions of `balas knowledge gaps` are kept; it is a source by itself.",
    )
