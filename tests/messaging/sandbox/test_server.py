import asyncio
import socket
import sys
from pathlib import Path

import httpx
import pytest

from messaging.sandbox import RunningSandbox, SandboxOptions

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio
from messaging.sandbox import SandboxOptions, serve
asyncio.run(serve(SandboxOptions(port=0), lambda url: print(url, flush=True)))
"""


async def test_a_served_sandbox_says_where_it_is_and_stops_on_sigterm_with_a_page_open() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
            client.stream("GET", "/sandbox/stream") as stream,
        ):
            assert (await client.get("/sandbox/state")).json()["apiUrl"] == f"{url}/v1"
            process.terminate()
            async for _ in stream.aiter_bytes():
                pass
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_example_of_the_documentation_runs() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out.decode().strip() == "Jam 8 pagi, Budi."


async def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await RunningSandbox(SandboxOptions(port=taken.getsockname()[1])).__aenter__()


async def test_waiting_for_replies_ends_with_what_did_arrive(sandbox: RunningSandbox, api: httpx.AsyncClient) -> None:
    asked = sandbox.say(1, "halo")
    waiting = asyncio.create_task(sandbox.replies(1, after=asked, count=2))
    for text in ("satu", "dua"):
        await api.post("/contact/id:1/message", json={"message": {"type": "text", "text": text}})
    assert [message.content["text"] for message in await waiting] == ["satu", "dua"]
    with pytest.raises(TimeoutError, match="2 of 3"):
        await sandbox.replies(1, after=asked, count=3, within=0.02)
