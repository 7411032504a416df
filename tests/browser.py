"""The Chromium of the browser tests: where it is, how it is started, and how long a busy machine may take for what is expected."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright, expect

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None
)
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on the PATH; on Debian: apt-get install chromium-headless-shell"
    ),
]
LIVENESS = 60_000  # milliseconds
expect.set_options(timeout=LIVENESS)


@asynccontextmanager
async def chromium(flags: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """Start a headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless", "--disable-gpu", *flags]
        )
        yield browser
        await browser.close()
