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
        for name in ("rebound.example", f"rebound.example:{here.port}", "127.0.0.1.rebound.example", "203.0.113.9"):
            assert (await client.get(url, headers={"Host": name})).status_code == 401, name
        for name in ("localhost", f"localhost:{here.port}", "127.0.0.1", "[::1]:80"):
            assert (await client.get(url, headers={"Host": name})).status_code == 200, name
        known = passed_on | {"Authorization": "Bearer token-of-this-test"}
        assert "balas_mcp_servers_away 0" in (await client.get(url, headers=known)).text
