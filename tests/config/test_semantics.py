import re
from pathlib import Path

import pytest

from agent.config import examine, examine_text
from agent.config.semantics import PUBLIC_KEYS

MINIMAL = "name: Melati\ninstructions: Jawab singkat.\nvoice: {model: none}\n"


def warnings(text: str) -> list[str]:
    return [str(warning) for warning in examine_text(MINIMAL + text, environment={}).warnings]


def test_a_glob_that_matches_nothing_is_a_warning_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\nIsi.\n")
    file = tmp_path / "agent.yaml"
    file.write_text(MINIMAL + "knowledge:\n  sources:\n    - path: docs/*.md\n    - path: doc/*.md\n    - daftar.csv\n")

    found = examine(file, environment={}).warnings

    assert [(warning.mark.line, warning.mark.column) for warning in found] == [(7, 13), (8, 7)]
    assert "no file matches doc/*.md" in found[0].message
    assert "daftar.csv" in found[1].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "model: {name: gpt-x, fallbacks: [gpt-x]}\n",
            "agent.yaml:4:34: model.fallbacks[0]: gpt-x is the model itself; it does not help when that fails",
        ),
        (
            "model: {fallbacks: [ofline]}\n",
            "agent.yaml:4:21: model.fallbacks[0]: 'ofline' is asked of the server by that name; did you mean offline?",
        ),
        (
            "model: {fallbacks: [offline, other]}\n",
            "agent.yaml:4:21: model.fallbacks[0]: offline always answers; the fallbacks after it are never asked",
        ),
        (
            "model: {timeout: 2m}\n",
            "agent.yaml:4:18: model.timeout: a model call may take longer than limits.seconds (90) leaves to the turn",
        ),
        (
            "messaging: {token: t}\n",
            "agent.yaml:4:12: messaging: without webhook_secret every webhook of aelyst is refused; copy it from the platform",
        ),
        (
            "messaging: {token: t, webhook_secret: none}\n",
            "agent.yaml:4:39: messaging.webhook_secret: webhooks are accepted without a signature; anybody can send them",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(text: str, expected: str) -> None:
    assert warnings(text) == [expected]


AZURE = 'model: {name: gpt-4o, provider: azure_openai, api_key: k, base_url: "https://x.openai.azure.com"'


@pytest.mark.parametrize(
    ("text", "column", "needs"),
    [
        (f"{AZURE}}}\n", 33, "api_version"),
        (f'{AZURE}, options: {{api_version: ""}}}}\n', 33, "api_version"),
        ("model: {name: gpt-4o, provider: azure_openai, api_key: k, options: {api_version: '1'}}\n", 33, "`base_url`"),
        (
            "model: {api_key: k, fallbacks: [{name: gpt-4o, provider: azure_openai, options: {api_version: '1'}}]}\n",
            58,
            "`base_url`",
        ),
    ],
)
def test_azure_without_what_it_needs_is_refused_at_its_line(
    text: str, column: int, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_VERSION", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    (problem,) = examine_text(MINIMAL + text, environment={}).errors
    assert (problem.mark.line, problem.mark.column) == (4, column)
    assert needs in problem.message


def test_azure_with_all_it_needs_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_VERSION", raising=False)
    right = f'{AZURE}, options: {{api_version: "2024-10-21"}}, fallbacks: [{{name: gpt-4o-mini, options: {{api_version: "1"}}}}]}}\n'
    assert examine_text(MINIMAL + right, environment={}).errors == ()
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    assert examine_text(f"{MINIMAL}{AZURE}}}\n", environment={}).errors == ()


def test_qris_pictures_need_an_address_that_a_real_platform_reaches() -> None:
    payment = "payments: {qris: {gateway: {name: midtrans, server_key: k}}}\n"
    platform = "messaging: {token: t, webhook_secret: s}\n"

    assert warnings(payment) == []
    (missing,) = warnings(payment + platform)
    (local,) = warnings(payment + platform + "server: {public_url: 'http://localhost:8080'}\n")
    assert warnings(payment + platform + "server: {public_url: 'https://agent.example'}\n") == []
    assert missing.startswith("agent.yaml:4:18: payments.qris: aelyst must be able to fetch the QR images")
    assert local.startswith("agent.yaml:6:22: server.public_url: aelyst must be able to fetch the QR images")


def test_a_whisper_model_that_is_not_on_this_machine_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("name: A\ninstructions: B\nvoice: {model: ./whisper}\n")

    (warning,) = examine(file, environment={}).warnings

    assert (warning.mark.line, warning.mark.column) == (3, 16)
    assert "there is no folder" in warning.message


def test_a_budget_in_dollars_needs_the_price_of_every_model_that_costs() -> None:
    limit = "limits: {usd_per_day: 5}\n"
    priced = "price: {input: 0.25, output: 2}"
    (warning,) = warnings(f"model: {{api_key: k, name: m, fallbacks: [n, offline]}}\n{limit}")
    assert "limits.usd_per_day: does not count m, n, whose price is not known" in warning
    assert (
        warnings(f"model: {{api_key: k, name: m, {priced}, fallbacks: [{{name: n, {priced}}}, offline]}}\n{limit}")
        == []
    )
    assert warnings(f"model: {{name: offline}}\n{limit}") == []
    assert warnings("model: {api_key: k, name: m}\n") == []


def test_several_workers_need_postgresql() -> None:
    found = examine_text(MINIMAL + "workers: true\n", environment={})

    assert found.config is None
    assert [str(error) for error in found.errors] == [
        "agent.yaml:4:10: workers: several workers need PostgreSQL, found SQLite; "
        "set storage: postgresql://…, or workers: false",
    ]


def test_several_workers_should_have_a_chroma_server() -> None:
    text = "workers: true\nstorage: postgresql://db/balas\nknowledge: {sources: ['https://a.example']%s}\n"

    (warning,) = warnings(text % "")

    assert warning.startswith("agent.yaml:4:10: workers: the embedded Chroma belongs to one process")
    assert warnings(text % ", chroma: {url: 'http://chroma:8000'}") == []


HTTP = "  - {name: a, description: d, request: {method: POST, url: https://api.example/x, json: {p: '{p}'}}, parameters: {p: %s}%s}\n"


@pytest.mark.parametrize(
    ("entry", "guarded"),
    [
        (HTTP % ("{from: conversation}", ""), False),
        (HTTP % ("{from: contact.phone}", ""), True),
        (HTTP % ("{from: conversation}", ", confirm: 'Ya?'"), True),
        (HTTP % ("{from: conversation}", ", effect: false"), True),
        ("  - mcp: {command: x}\n", False),
        ("  - {mcp: {command: x}, bind: {item: conversation}}\n", False),
        ("  - {mcp: {command: x}, bind: {phone: contact.phone}}\n", True),
        ("  - {mcp: {command: x}, confirm: {buy: 'Beli?'}}\n", True),
        ("  - {mcp: {command: x}, effect: false}\n", True),
        ("  - builtin: comment\n", True),
    ],
)
def test_an_effect_that_neither_asks_nor_is_bound_is_a_warning(entry: str, *, guarded: bool) -> None:
    found = warnings(f"actions:\n{entry}")
    assert (found == []) == guarded
    assert guarded or found[0].startswith("agent.yaml:5:5: actions[0]: ")


def test_a_function_that_cannot_be_an_action_is_an_error_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text('def reserve(people: int) -> None:\n    """Reserve."""\n')
    file = tmp_path / "agent.yaml"
    file.write_text(
        MINIMAL + "actions:\n  - python: shop.py:reserv\n"
        "  - python: shop.py:reserve\n    parameters:\n      peple: {from: conversation}\n"
    )
    found = [(error.mark.line, error.message) for error in examine(file, environment={}).errors]
    assert [line for line, _ in found] == [5, 8]
    assert "did you mean reserve" in found[0][1]
    assert "did you mean people" in found[1][1]


@pytest.mark.parametrize("key", ["sandbox-secret", "changeme", "real,sandbox-secret", "ChangeMe", "<your-secret>"])
def test_a_public_key_is_an_error_outside_the_sandbox(key: str) -> None:
    given = f"messaging: {{platform: aelyst, token: real-token, webhook_secret: '{key}'}}\n"
    found = examine_text(MINIMAL + given, environment={})
    assert ["this key is public" in str(error) for error in found.errors] == [True]
    inside = "messaging: {platform: sandbox, webhook_secret: sandbox-secret}\n"
    assert not examine_text(MINIMAL + inside, environment={}).errors


PLATFORM = "messaging: {platform: aelyst, token: real-token, webhook_secret: of-our-own-account}\n"
HOOK = "workflows:\n- {name: Order, on: webhook, token: woo-webhook-secret, do: [{send: hi}]}\n"
PUBLISHED = "server: {public_url: 'https://agent.example', "


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (PLATFORM + HOOK, "workflows[0].token"),
        (PLATFORM + PUBLISHED + "api_token: Password123}\n", "server.api_token"),
        (PLATFORM + PUBLISHED + "tokens: [{name: Rina, token: of-rina-alone}, {name: A, token: '12345678'}]}\n", "server.tokens[1].token"),
        (PLATFORM + "server: {host: 0.0.0.0, api_token: your-token}\n", "server.api_token"),
    ],
)  # fmt: skip
def test_a_public_token_is_an_error_at_every_door_that_strangers_reach(given: str, place: str) -> None:
    """The hooks of the samples took orders and payments signed with the keys that stand in them."""
    assert [
        place in str(error) and "public" in str(error) for error in examine_text(MINIMAL + given, environment={}).errors
    ] == [True]
    at_home = (
        given.replace("aelyst, token: real-token", "sandbox")
        .replace("https://agent.example", "http://127.0.0.1:8000")
        .replace("0.0.0.0", "127.0.0.1")
    )
    assert not [error for error in examine_text(MINIMAL + at_home, environment={}).errors if "public" in str(error)]


def test_every_key_that_a_sample_stands_in_for_is_public() -> None:
    samples = (Path(__file__).parents[2] / "examples").glob("*/agent.yaml")
    given = {
        key
        for sample in samples
        for key in re.findall(r"token: \$\{\w+:-([\w-]+)\}", sample.read_text(encoding="utf-8"))
    }
    assert given
    assert given <= PUBLIC_KEYS


def test_a_member_that_is_called_as_what_is_bound_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from pydantic import BaseModel\n\n\nclass Guest(BaseModel):\n    name: str\n    phone: str\n\n\n"
        'def invite(guests: list[Guest], phone: str) -> None:\n    """Invite."""\n'
    )
    file = tmp_path / "agent.yaml"
    file.write_text(
        MINIMAL + "actions:\n  - python: shop.py:invite\n    parameters:\n      phone: {from: contact.phone}\n"
        "  - name: book\n    description: Book.\n    effect: true\n    parameters:\n      msisdn: {from: contact.phone}\n"
        "      guest: {type: object, properties: {Phone: {type: string}, name: {type: string}}}\n"
        "    request: {method: POST, url: https://x.example/, json: {phone: '{msisdn}', guest: '{guest}'}}\n"
    )
    found = [warning.message for warning in examine(file, environment={}).warnings]
    assert [
        message.partition(" is the model's")[0].rpartition(": ")[2] for message in found if "model's to set" in message
    ] == [
        "guests[].phone of invite",
        "guest.Phone of book",
    ]
