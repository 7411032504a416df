"""The database commits and its answer is lost, again and again: everything happens once all the same."""

from pathlib import Path

import pytest

from tests.acceptance.talk import Talk
from tests.acceptance.world import world
from tests.postgres import Postgres
from tests.road import road_to

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("table", "every"), [("step", 2), ("outbound", 3)])
async def test_every_question_is_answered_once_though_commits_are_not_confirmed(
    tmp_path: Path, postgres_server: Postgres, workers: int, table: str, every: int
) -> None:
    name = f"lost_{table}_{workers}"
    postgres_server.database(name)
    async with (
        road_to(postgres_server.url) as road,
        world(tmp_path, storage=road.url(name), workers=bool(workers)) as here,
    ):
        await (here.start_with_workers(workers) if workers else here.start())
        talk = Talk(here)
        road.lose_answers(every=every, of=f"INSERT INTO {table} ".encode())
        for _ in range(6):
            talk.ask()
        await talk.all_answered_once_in_order(within=60)
        assert road.lost >= 2
        assert len(here.model.asked) == len(talk.people), "an answer that was written down is not paid for again"
