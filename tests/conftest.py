from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_of_one_test_do_not_outlive_it() -> Iterator[None]:
    """A command under test sets up logging on a stream that pytest closes; the next test begins afresh."""
    yield
    structlog.reset_defaults()
