import os
from pathlib import Path

import pytest

from agent.config import load
from agent.config.environment import check_proxies, environment_of
from agent.errors import InputError


def test_the_dotenv_beside_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_NAME", raising=False)
    (tmp_path / ".env").write_text("# a comment\nSHOP_NAME='Kopi Senja'\nexport OTHER=x\nNOTHING\n")
    (tmp_path / "agent.yaml").write_text("name: ${SHOP_NAME}\ninstructions: B\n")

    assert load(tmp_path).name == "Kopi Senja"
    assert environment_of(tmp_path)["OTHER"] == "x"
    assert "NOTHING" not in environment_of(tmp_path)


def test_the_process_wins_over_the_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "from the process")
    (tmp_path / ".env").write_text("SHOP_NAME=from the file\n")

    assert environment_of(tmp_path)["SHOP_NAME"] == "from the process"


def test_reading_the_dotenv_does_not_change_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_NAME", raising=False)
    (tmp_path / ".env").write_text("SHOP_NAME=x\n")

    environment_of(tmp_path)

    import os

    assert "SHOP_NAME" not in os.environ


def test_a_dotenv_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")

    with pytest.raises(InputError, match=r"\.env is not UTF-8 text"):
        environment_of(tmp_path)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks4://h:9"),
        ("https_proxy", "ftp://u:secret@h"),
        ("HTTP_PROXY", "http://[::1"),
        ("no_proxy", "[::1"),
    ],
)
def test_a_proxy_that_no_client_could_use_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_proxies()
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name.upper()) as caught:
        check_proxies()
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("value", ["socks5://h:9", "socks5h://u:p@h:9", "http://h:9", "h:9", ""])
def test_a_proxy_that_clients_take_passes(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    check_proxies()
