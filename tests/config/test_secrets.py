from agent.config import loads
from agent.config.environment import secret_values

MINIMAL = "name: A\ninstructions: B\n"


def test_every_secret_of_the_file_is_known() -> None:
    config = loads(
        MINIMAL + "model: {api_key: one-secret, fallbacks: [{name: a, api_key: two-secret}]}\n"
        "messaging: {token: three-secret}\n"
        "actions:\n  - name: a\n    description: d\n"
        "    request: {url: https://a.example/x, auth: {bearer: four-secret}}\n",
        environment={},
    )

    assert {"one-secret", "two-secret", "three-secret", "four-secret"} <= secret_values(config)


def test_of_an_address_only_the_password_is_a_secret() -> None:
    config = loads(MINIMAL + "storage: postgresql://balas:p%40ss-word@db.internal/balas\n", environment={})

    assert secret_values(config) == {"p%40ss-word", "p@ss-word"}


def test_an_agent_without_secrets_has_none() -> None:
    assert secret_values(loads(MINIMAL, environment={})) == frozenset()
