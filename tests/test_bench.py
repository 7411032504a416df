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
from bench import overhead, simulation, subject
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
        assert await overhead.arrived(one, 2) == 0
        assert await overhead.arrived(one, 5) == 3
    assert capsys.readouterr().out == "balas: 3 of 5 messages have not arrived\n"


def test_other_frameworks_are_compared_where_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PEERS", tmp_path)
    assert subject.installed() == []
    for folder in ("agno/bin/python", "vercel/node_modules/ai"):
        (tmp_path / folder).mkdir(parents=True)
    assert subject.installed() == ["agno", "vercel"]


COSTS = simulation.Costs(web=0.004, worker=0.02, postgres=0.01, calls=2, call=1.0)


def simulate(rate: float, **parts: int) -> simulation.Simulation:
    installation = simulation.Installation(**({"web": 2, "workers": 4, "cores": 4, "slots": 100} | parts))
    one = simulation.Simulation(COSTS, installation, rate, 20.0, seed=1)
    one.run()
    return one


def test_a_simulated_part_is_as_busy_as_its_rate_and_cost_say() -> None:
    load = simulate(100.0).load()
    assert load["web"] == pytest.approx(100 * 0.004 / 2, rel=0.1)
    assert load["workers"] == pytest.approx(100 * 0.02 / 4, rel=0.1)
    assert load["postgres"] == pytest.approx(100 * 0.01 / 4, rel=0.1)
    assert load["slots"] == pytest.approx(100 * 2.0 / 400, rel=0.2)


def test_what_waits_grows_without_end_only_beyond_the_bound_of_the_one_database() -> None:
    below, beyond = simulate(80.0, cores=1, workers=8), simulate(130.0, cores=1, workers=8)
    assert below.load()["postgres"] < 0.9
    assert beyond.load()["postgres"] == pytest.approx(1.0, abs=0.01)
    in_turns = 130 * 2.0  # at the model at any moment
    assert below.unanswered < in_turns < beyond.unanswered


def test_an_installation_is_chosen_so_that_nothing_that_can_be_multiplied_is_overloaded() -> None:
    chosen = simulation.enough(COSTS, 500.0, cores=16, slots=100)
    one = simulation.Simulation(COSTS, chosen, 500.0, 10.0, seed=1)
    one.run()
    assert all(share < 0.8 for share in one.load().values())
