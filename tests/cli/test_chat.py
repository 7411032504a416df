import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import pytest
import pytest_asyncio
import typer
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from agent.cli import chat
from agent.cli.chat import as_json, as_line, show, trace
from agent.cli.session import FIRST_CUSTOMER, ChatSession, open_session, phone_number
from agent.config import load
from agent.errors import InputError
from tests.processes import program

AGENT = """
name: Sekar
instructions: Kamu Sekar, asisten Toko Uji.
model: {name: offline}
knowledge: {sources: [{path: docs/*.md}]}
actions:
  - builtin: hand_over
payments:
  qris:
    payload: %s
voice: {model: none}
"""
STATIC = (
    "00020101021126670015COM.EXAMPLE.WWW01189360099900000000170215EX00000000000170303UMI51440014ID.CO.QRIS.WWW0215ID1099000000017"
    "0303UMI5204581253033605802ID5918WARUNG CONTOH JAYA6013JAKARTA PUSAT61051031062070703A016304EEEB"
)
DOCUMENT = (
    "# Toko Uji\n\n## Kode pintu gudang\n\nKode pintu gudang adalah 7731-MERPATI.\n\n## Jam\n\nBuka 10.00–16.00 WIB.\n"
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agent")
    (made / "docs").mkdir()
    (made / "docs/toko.md").write_text(DOCUMENT, encoding="utf-8")
    (made / "agent.yaml").write_text(AGENT % STATIC, encoding="utf-8")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(folder: Path) -> AsyncIterator[ChatSession]:
    async with open_session(load(folder / "agent.yaml")) as session:
        yield session


@pytest.fixture
def session(opened: ChatSession) -> ChatSession:
    """A new conversation; opening an agent for each would take longer than the tests."""
    opened.restart(FIRST_CUSTOMER)
    return opened


async def test_a_fact_of_a_document_comes_back_with_passages_model_and_time(session: ChatSession) -> None:
    answer = await session.say("apa kode pintu gudang?")
    assert "7731-MERPATI" in answer.text
    assert [step.kind for step in answer.steps] == ["retrieval", "model"]
    assert answer.tokens > 0
    assert answer.state == "done"
    out = StringIO()
    show(Console(file=out, width=120), answer)
    shown = out.getvalue()
    assert "7731-MERPATI" in shown
    assert "passages: toko.md › Kode pintu gudang" in shown
    assert f"{answer.tokens} tokens" in shown


async def test_a_payment_code_is_drawn_and_its_payload_is_in_the_line(session: ChatSession) -> None:
    answer = await session.say("bayar 50rb")
    assert [picture.type for picture in answer.pictures] == ["image/png"]
    payload = answer.pictures[0].qris
    assert payload is not None
    assert "540550000" in payload
    assert payload in as_line(answer)
    out = StringIO()
    show(Console(file=out, width=120), answer)
    shown = out.getvalue()
    assert sum("▀" in line or "▄" in line for line in shown.splitlines()) > 20
    assert "action send_qris(amount=50000) → done" in shown


async def test_messages_written_at_once_are_one_turn(session: ChatSession) -> None:
    answer = await session.say("halo", "mau tanya", "jam buka berapa?")
    assert "10.00–16.00" in answer.text
    assert sum(step.kind == "model" for step in answer.steps) == 1


async def test_each_line_is_a_turn_of_its_own(session: ChatSession) -> None:
    assert "Sekar" in (await session.say("halo")).text
    assert "10.00–16.00" in (await session.say("jam buka?")).text


async def test_the_conversation_is_remembered_until_it_is_begun_anew(session: ChatSession) -> None:
    await session.say("saya mau bicara dengan admin")
    silent = await session.say("halo?")
    assert silent.messages == ()
    assert silent.reason is not None
    assert as_line(silent) == ""
    session.restart()
    assert (await session.say("halo?")).text


async def test_what_colleagues_see_of_a_handover_is_shown(session: ChatSession) -> None:
    answer = await session.say("saya mau bicara dengan admin")
    assert any("admin" in note for note in answer.notes)


async def test_a_voice_note_without_a_model_gets_a_polite_request(session: ChatSession, tmp_path: Path) -> None:
    note = tmp_path / "pesan.ogg"
    note.write_bytes(b"OggS" + bytes(100))
    assert "ditulis" in (await session.send_file(note, "audio")).text


async def test_a_picture_goes_the_same_way(session: ChatSession, tmp_path: Path) -> None:
    picture = tmp_path / "bukti.jpg"
    picture.write_bytes(b"\xff\xd8\xff")
    assert "belum bisa melihat" in (await session.send_file(picture, "image")).text


async def test_a_file_that_is_not_there_is_named(session: ChatSession, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.ogg"):
        await session.send_file(tmp_path / "none.ogg", "audio")


async def test_two_chats_in_one_folder_do_not_disturb_each_other(session: ChatSession, folder: Path) -> None:
    async with open_session(load(folder / "agent.yaml")) as other:
        answers = await asyncio.gather(session.say("jam buka?"), other.say("jam buka?"))
    assert all("10.00–16.00" in answer.text for answer in answers)


async def test_the_agents_own_ledger_is_left_alone(session: ChatSession, folder: Path) -> None:
    await session.say("halo")
    assert not (folder / ".balas/balas.db").exists()


async def test_a_reply_is_one_line_of_json(session: ChatSession) -> None:
    answer = await session.say("bayar 50rb")
    line = as_json("bayar 50rb", answer)
    assert "\n" not in line
    record = json.loads(line)
    assert record["attachments"][0]["qris"] == answer.pictures[0].qris
    assert [(step["kind"], step["name"]) for step in record["steps"]][-2:] == [
        ("action", "send_qris"),
        ("model", "offline"),
    ]
    assert record["tokens"] == answer.tokens


async def test_a_trace_shows_every_step_in_full(session: ChatSession) -> None:
    out = StringIO()
    trace(Console(file=out, width=200), await session.say("apa kode pintu gudang?"))
    assert "<passages>" in out.getvalue()


async def test_commands_do_what_they_say(session: ChatSession) -> None:
    assert await chat.obey(session, "") is None
    assert await chat.obey(session, "/as 0812-3456-7802") is None
    assert session.phone == "+6281234567802"
    assert await chat.obey(session, "/reset") is None
    assert session.phone == "+6281234567802"


@pytest.mark.parametrize("line", ["/as", "/as bukan", "/voice", "/image", "/dance"])
async def test_a_command_that_is_wrong_says_so(session: ChatSession, line: str) -> None:
    with pytest.raises(InputError):
        await chat.obey(session, line)


@pytest.mark.parametrize("text", ["0812-3456-7801", "+62 812 3456 7801", "62812-3456-7801"])
async def test_a_phone_number_may_be_written_in_several_ways(text: str) -> None:
    assert phone_number(text) == "+6281234567801"


async def test_what_is_no_phone_number_is_refused_before_anything_is_opened(folder: Path) -> None:
    with pytest.raises(InputError, match="'rina' is no phone number"):
        async with open_session(load(folder / "agent.yaml"), "rina"):
            pytest.fail("it was opened")


def balas(folder: Path, *arguments: str, said: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*program(), "chat", "-c", str(folder / "agent.yaml"), *arguments],
        input=said,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=60,
        check=False,
    )


async def test_through_a_pipe_a_line_in_is_a_line_out(folder: Path) -> None:
    done = await asyncio.to_thread(
        balas, folder, said="halo\n\napa kode pintu gudang?\n/reset\njam buka?\n/quit\nhalo\n"
    )
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert "Sekar" in first
    assert "7731-MERPATI" in second
    assert "10.00–16.00" in third


async def test_through_a_pipe_json_is_one_object_a_reply_and_a_wrong_command_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("/dance\nbayar 50rb\n"))
    with pytest.raises(typer.Exit) as ended:
        await chat._piped(load(folder / "agent.yaml"), "+6281234567802", as_json=True)
    shown = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert "no such command: /dance" in shown.err
    record = json.loads(shown.out.splitlines()[-1])  # above it stand log lines, which `balas` sends to stderr
    assert record["said"] == "bayar 50rb"
    assert "540550000" in record["attachments"][0]["qris"]


async def test_at_the_keyboard_replies_traces_and_errors_are_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["jam buka?", "/trace", "/help", "/dance", "/as +6281234567802", "/quit"]
    with ExitStack() as stack:
        pipe = stack.enter_context(create_pipe_input())
        stack.enter_context(create_app_session(pipe, DummyOutput()))
        pipe.send_text("".join(f"{line}\r" for line in typed))
        await chat._interactive(load(folder / "agent.yaml"), None)
    shown = capsys.readouterr().out
    assert "10.00–16.00" in shown
    assert "<passages>" in shown
    assert "send a voice note" in shown
    assert "no such command: /dance" in shown
    assert "A new conversation with +6281234567802." in shown
    history = (folder / ".balas/chat/history").read_text(encoding="utf-8")
    assert "+jam buka?" in history


async def test_ctrl_c_clears_the_line_and_leaves_when_pressed_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        pipe = stack.enter_context(create_pipe_input())
        stack.enter_context(create_app_session(pipe, DummyOutput()))
        pipe.send_text("batalkan semua\x03jam buka?\r\x03apa kode pintu gudang?\rsalah\x03\x03belum pernah\r")
        await chat._interactive(load(folder / "agent.yaml"), None)
    shown = capsys.readouterr().out
    assert "10.00–16.00" in shown  # the cleared line was not sent with it
    assert "7731-MERPATI" in shown  # one Ctrl-C on an empty line does not leave
    history = (folder / ".balas/chat/history").read_text(encoding="utf-8")
    assert "batalkan" not in history
    assert "belum pernah" not in history
