"""What strangers find at the doors of a running agent."""

from pathlib import Path

import httpx

from tests.acceptance.world import world


async def test_metrics_are_for_this_machine_and_for_the_token(tmp_path: Path) -> None:
    async with world(tmp_path) as here, httpx.AsyncClient(timeout=90) as client:
        here.config["server"]["api_token"] = "token-of-this-test"
        await here.start()
        url = f"{here.url}/metrics"
        assert (await client.get(url)).status_code == 200
        passed_on = {"X-Forwarded-For": "203.0.113.9"}
        assert (await client.get(url, headers=passed_on)).status_code == 401
        known = passed_on | {"Authorization": "Bearer token-of-this-test"}
        assert "balas_mcp_servers_away 0" in (await client.get(url, headers=known)).text
