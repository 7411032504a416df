import gc
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import crc32

import certifi
import httpx
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.databases import database, postgres, sqlite
from tests.processes import ROOT, forks, program

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from tests.postgres import Postgres

gc.disable()  # until all tests are collected: what is imported stays, and looking through it again and again took a third of the time

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # a busy machine is no bug
for client in (httpx.Client, httpx.AsyncClient):
    client.__init__.__kwdefaults__["timeout"] = httpx.Timeout(90)  # type: ignore[index, misc]  # httpx waits for five seconds

_END = "-----END CERTIFICATE-----\n"
_authority = NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115 - as long as the process, and those that it starts
_authority.write(Path(certifi.where()).read_text().partition(_END)[0] + _END)
_authority.flush()
os.environ["SSL_CERT_FILE"] = (
    _authority.name
)  # no test leaves the machine; the whole list costs 20 ms for each HTTP client

__all__ = ["database", "postgres", "sqlite"]


_SHARED = "BALAS_TESTS_SHARED"
"""The environment variable that names the folder of what all workers of a run share."""


def pytest_configure(config: pytest.Config) -> None:
    """Before there are workers: what they share."""
    if not hasattr(config, "workerinput"):
        shared = ExitStack()
        # Not in pytest's own folder: each run of pytest closes that to the user as whom PostgreSQL runs.
        os.environ[_SHARED] = shared.enter_context(TemporaryDirectory(prefix="balas-tests-"))
        shared.enter_context(forks(Path(os.environ[_SHARED])))
        config.add_cleanup(shared.close)
        # Coverage traces what is imported after it began; and elsewhere a fork without an exec is not safe.
        if sys.platform == "linux" and not config.getoption("cov_source"):
            workers = f"popen//python={shlex.join(program())}"
            config.option.tx = [workers if each == "popen" else each for each in config.option.tx]


def pytest_configure_node(node: "WorkerController") -> None:
    """Let the first worker collect alone: it compiles all tests, which else every one of them would do beside the others."""
    if node.gateway.id != "gw0":
        first, by = Path(os.environ[_SHARED]) / "collected", time.monotonic() + 60
        while not first.exists() and time.monotonic() < by:
            time.sleep(0.05)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the files whose tests mostly wait, for processes, among those that work, so that the cores always have enough to do.

    They begin within three quarters of the run, those of the most tests first: some take minutes, and at its end nothing would be left
    to do beside them. Those that work are shuffled, the same way each time: some folders work more than others.
    """
    waiting = Path(__file__).parent / "acceptance"
    sizes = Counter(item.path for item in items)
    longest_first = sorted((file for file in sizes if file.is_relative_to(waiting)), key=lambda file: -sizes[file])
    shuffled = sorted(
        (file for file in sizes if not file.is_relative_to(waiting)),
        key=lambda file: crc32(bytes(file.relative_to(ROOT))),
    )
    groups = longest_first, shuffled
    places = {
        file: number / len(files) * share
        for files, share in zip(groups, (0.75, 1), strict=True)
        for number, file in enumerate(files)
    }
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Collect garbage again, but seldom: as often as is usual takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    (Path(os.environ[_SHARED]) / "collected").touch()


@pytest.fixture(scope="session")
def postgres_server() -> "Iterator[Postgres]":
    """A real PostgreSQL of our own, one for all tests of this process."""
    from tests.postgres import Postgres

    shared = Path(os.environ[_SHARED])
    server = Postgres(shared / f"postgres-{os.getpid()}", as_made=shared / "postgres")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _logs_of_one_test_do_not_outlive_it() -> Iterator[None]:
    """A command under test sets up logging on a stream that pytest closes; the next test begins afresh."""
    yield
    structlog.reset_defaults()
