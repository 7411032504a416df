"""What the benchmarks promise on a busy machine."""

import os
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.web.listening import listening
from bench import overhead
from bench.subject import Subject


async def _sent(_request: Request) -> Response:
    return JSONResponse([["1", 1.0], ["2", 2.0]])


async def test_a_message_that_does_not_arrive_is_told_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(overhead, "_PATIENCE", 0.2)
    app = Starlette(routes=[Route("/sent", _sent)])
    async with listening(app, "127.0.0.1", 0) as stub, httpx.AsyncClient() as client:
        one = Subject("balas", "http://127.0.0.1:9", stub, os.getpid(), tmp_path, client)
        assert await overhead._arrived(one, 2) == 0
        assert await overhead._arrived(one, 5) == 3
    assert capsys.readouterr().out == "balas: 3 of 5 messages have not arrived\n"
