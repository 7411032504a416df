"""Documents are read in bounded worker processes: a file that takes too much memory or time ends its worker, and no other file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from knowledge.documents.passage import Passage
from knowledge.errors import Unreadable
from workers.pool import Pool, TaskFailed, WorkerSpec, WorkerTimeout
from workers.pool import WorkerCrashed as ProcessCrashed

MEMORY = 1_200 * 2**20
"""Bytes of address space of a worker; the libraries take about a third of it."""
DEADLINE = timedelta(seconds=60)
"""The longest that reading one document may take."""
LARGEST_ANSWER = 128 * 2**20
"""Bytes of the text and passages of one document, as JSON."""
RECYCLE = 500  # documents after which a worker is replaced
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document as its worker read it: the facts of `Loaded`, and its passages."""

    text: str
    passages: Sequence[Passage]
    title: str | None = None
    language: str | None = None
    expires: date | None = None
    volatile: bool | None = None
    links: tuple[str, ...] = ()
    problem: str | None = None


class DocumentReader:
    """Reads documents in worker processes, which are started with the first one."""

    def __init__(self, memory: int = MEMORY, deadline: timedelta = DEADLINE) -> None:
        self._memory = memory
        self._deadline = deadline
        self._pool: Pool | None = None

    async def read(
        self, id_: str, data: bytes, content_type: str | None = None, title: str | None = None
    ) -> ReadDocument:
        """Load and split a document.

        Args:
            id_: path or address; its suffix tells the kind.
            content_type: of the HTTP response, if there was one.
            title: wins over the title in the document.

        Raises:
            Unreadable: no loader reads it, it holds no text, or it takes more memory or time than a document may.
        """
        if self._pool is None:
            spec = WorkerSpec(
                name="document worker",
                task="read a document",
                target="knowledge.documents.loading:open_handler",
                options={},
                memory=self._memory,
                largest_answer=LARGEST_ANSWER,
                environment={"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
                attempts=1,
            )
            self._pool = Pool(spec, PROCESSES, self._deadline, RECYCLE)
        try:
            answer = await self._pool.run({"id": id_, "content_type": content_type, "title": title}, data)
        except TaskFailed as error:
            raise Unreadable(str(error)) from error
        except WorkerTimeout as error:
            seconds = f"{self._deadline.total_seconds():g}"
            raise Unreadable(f"takes longer than {seconds} seconds to read; split it or save it anew") from error
        except ProcessCrashed as error:
            size = f"{self._memory // 2**20:,} MiB"
            raise Unreadable(
                f"cannot be read within bounds ({size} of memory); split it or save it anew: {error}"
            ) from error
        return _document(answer)

    async def aclose(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None


def _document(answer: Mapping[str, Any]) -> ReadDocument:
    passages = [
        Passage(**(each | {"path": tuple(each["path"]), "aliases": tuple(each["aliases"])}))
        for each in answer["passages"]
    ]
    return ReadDocument(
        text=answer["text"],
        passages=passages,
        title=answer["title"],
        language=answer["language"],
        expires=date.fromisoformat(answer["expires"]) if answer["expires"] else None,
        volatile=answer["volatile"],
        links=tuple(answer["links"]),
        problem=answer["problem"],
    )
