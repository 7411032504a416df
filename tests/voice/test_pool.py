"""Worker processes: their number, their limits, their deaths."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from tests.voice.conftest import MODEL, SPOKEN
from tests.voice.recordings import RATE, bomb, encode, samples
from voice.errors import DeadlinePassed, ModelBroken, TooLong, Unavailable, WorkerCrashed
from voice.limits import options
from voice.models import find
from voice.pool import Workers
from voice.settings import VoiceSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@asynccontextmanager
async def workers(folder: Path | None = MODEL, count: int = 1, **changes: Any) -> AsyncIterator[Workers]:
    settings = VoiceSettings(model=str(MODEL), allow_toy=True, threads=1, **changes)
    pool = Workers(options(settings, folder), count, settings.deadline, settings.recycle)
    try:
        yield pool
    finally:
        await pool.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[Workers]:
    """One worker that these tests share; each leaves it idle."""
    async with workers() as shared:
        yield shared


async def idle_worker(pool: Workers) -> int:
    """The process number of the one worker, which is started if it has to be."""
    await pool.warm()
    (pid,) = pool.pids()
    return pid


def text(answer: dict[str, Any]) -> str:
    return "".join(part["text"] for part in answer["transcript"]["segments"]).strip()


async def until_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        await asyncio.sleep(0.02)


async def until_running(pool: Workers) -> None:
    while not pool.load.running:
        await asyncio.sleep(0.01)


async def test_nothing_is_started_before_the_first_note() -> None:
    async with workers() as pool:
        assert pool.pids() == []


async def test_a_worker_killed_over_a_note_is_replaced_and_the_note_is_heard(pool: Workers) -> None:
    pid = await idle_worker(pool)
    os.kill(pid, signal.SIGSTOP)  # so that it is surely at work when it dies
    note = asyncio.create_task(pool.run(["id"], SPOKEN[0].audio))
    await until_running(pool)
    os.kill(pid, signal.SIGKILL)

    assert text(await note) == SPOKEN[0].text
    assert pool.load.crashes == 1
    assert pool.pids() != [pid]


async def test_a_worker_that_died_while_idle_costs_nothing(pool: Workers) -> None:
    pid = await idle_worker(pool)
    os.kill(pid, signal.SIGKILL)

    assert text(await pool.run(["id"], SPOKEN[0].audio)) == SPOKEN[0].text


@linux
async def test_a_worker_without_enough_memory_crashes_twice_and_says_what_to_do() -> None:
    async with workers(memory="256MiB") as pool:
        with pytest.raises(WorkerCrashed, match=r"voice\.memory"):
            await pool.run(["id"], SPOKEN[0].audio)
        assert pool.load.crashes == 2


async def test_a_worker_past_its_deadline_is_killed_and_the_next_note_is_heard() -> None:
    async with workers(deadline="30s") as pool:
        pid = await idle_worker(pool)
        os.kill(pid, signal.SIGSTOP)
        pool._deadline = timedelta(seconds=0.3)
        with pytest.raises(DeadlinePassed, match=r"voice\.deadline"):
            await pool.run(["id"], SPOKEN[0].audio)
        pool._deadline = timedelta(seconds=30)

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert text(await pool.run(["id"], SPOKEN[0].audio)) == SPOKEN[0].text


async def test_two_notes_at_once_are_heard_by_two_workers() -> None:
    async with workers(count=2) as pool:
        answers = await asyncio.gather(*(pool.run(["id", "en"], note.audio) for note in SPOKEN[:4]))

        assert [text(answer) for answer in answers] == [note.text for note in SPOKEN[:4]]
        assert len(pool.pids()) == 2


async def test_no_more_workers_run_than_allowed_and_the_rest_waits_its_turn(pool: Workers) -> None:
    notes = [asyncio.create_task(pool.run(["id", "en"], note.audio)) for note in SPOKEN[:3]]
    await until_running(pool)

    assert (pool.load.running, pool.load.waiting) == (1, 2)
    assert [text(await note) for note in notes] == [note.text for note in SPOKEN[:3]]
    assert (pool.load.running, pool.load.waiting, len(pool.pids())) == (0, 0, 1)


async def test_a_cancelled_note_frees_its_worker_between_two_windows(pool: Workers) -> None:
    long = encode(np.concatenate([samples(note.audio) for note in SPOKEN] * 3), "wav", "pcm_s16le")
    pid, crashes = await idle_worker(pool), pool.load.crashes
    note = asyncio.create_task(pool.run(["id", "en"], long))
    await until_running(pool)
    await asyncio.sleep(0.1)
    note.cancel()
    with pytest.raises(asyncio.CancelledError):
        await note

    assert text(await pool.run(["id"], SPOKEN[0].audio)) == SPOKEN[0].text
    assert pool.pids() == [pid]
    assert pool.load.crashes == crashes


async def test_a_note_cancelled_in_the_queue_is_never_worked_on(pool: Workers) -> None:
    first = asyncio.create_task(pool.run(["id"], SPOKEN[0].audio))
    await until_running(pool)
    second = asyncio.create_task(pool.run(["id"], SPOKEN[1].audio))
    await asyncio.sleep(0)
    second.cancel()

    assert text(await first) == SPOKEN[0].text
    await pool.warm()  # its turn in the queue has come and gone
    assert (pool.load.waiting, pool.load.running) == (0, 0)


async def test_a_worker_is_replaced_after_so_many_notes() -> None:
    async with workers(recycle=2) as pool:
        seen = []
        for note in SPOKEN[:4]:
            assert text(await pool.run(["id"], note.audio)) == note.text
            await pool.warm()
            seen += pool.pids()

    assert seen[0] != seen[1] == seen[2] != seen[3]


async def test_closing_ends_every_process_and_tells_who_waits() -> None:
    async with workers() as pool:
        pid = await idle_worker(pool)
        notes = [asyncio.create_task(pool.run(["id"], note.audio)) for note in SPOKEN[:2]]
        await until_running(pool)
        await pool.aclose()

        for note in notes:
            with pytest.raises(Unavailable):
                await note
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(Unavailable):
            await pool.run(["id"], SPOKEN[0].audio)


async def test_a_model_that_does_not_load_is_named(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.json", "model.bin"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes()[:1000])
    async with workers(tmp_path) as pool:
        with pytest.raises(ModelBroken, match=str(tmp_path)):
            await pool.run(["id"], SPOKEN[0].audio)


async def test_without_a_model_a_worker_measures_sound_and_speech() -> None:
    async with workers(None) as pool:
        answer = await pool.run([], SPOKEN[0].audio)

        assert answer["seconds"] == pytest.approx(len(samples(SPOKEN[0].audio)) / RATE)
        assert 1 < answer["speech"] <= answer["seconds"]


@linux
async def test_a_bomb_costs_a_worker_a_few_megabytes(pool: Workers) -> None:
    await pool.run(["id"], SPOKEN[0].audio)
    (pid,) = pool.pids()
    before = _peak(pid)
    with pytest.raises(TooLong):
        await pool.run(["id"], bomb(3600))

    assert pool.pids() == [pid]
    assert _peak(pid) - before < 40 * 2**20  # five minutes are 10 MB of samples; an hour would be 115 MB


@linux
async def test_a_worker_has_no_secret_of_its_parent_and_cannot_go_online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with workers() as pool:
        pid = await idle_worker(pool)
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        limits = Path(f"/proc/{pid}/limits").read_text()

    assert not any(b"sk-secret" in entry for entry in environment)
    assert b"HF_HUB_OFFLINE=1" in environment
    assert "Max address space         unlimited" not in limits
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]


@linux
async def test_a_worker_does_not_outlive_its_parent_even_at_work() -> None:
    settings = VoiceSettings(model=str(MODEL), allow_toy=True)
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from voice.limits import options
        from voice.pool import Workers
        from voice.settings import VoiceSettings

        async def main():
            settings = VoiceSettings(model={str(MODEL)!r}, allow_toy=True, threads=1)
            pool = Workers(options(settings, Path({str(find(settings, MODEL))!r})), 1, settings.deadline, 9)
            await pool.warm()
            print(*pool.pids(), flush=True)
            await pool.run(["id"], open(0, "rb").read())

        asyncio.run(main())
    """)
    long = encode(np.concatenate([samples(note.audio) for note in SPOKEN] * 6)[: 290 * RATE], "wav", "pcm_s16le")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.stdin.write(long)
        parent.stdin.close()
        before = _cpu(pid)
        while _cpu(pid) < before + 10:  # ticks of 10 ms
            await asyncio.sleep(0.02)
        parent.kill()
    async with asyncio.timeout(60):
        await until_gone(pid)


def _peak(pid: int) -> int:
    """The most memory a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _cpu(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
