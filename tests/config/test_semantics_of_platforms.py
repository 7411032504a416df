"""What a platform cannot do, or needs, is named with the line that asks for it."""

import pytest

from agent.config.load import Examination, examine_text

BASE = "name: Melati\ninstructions: Jawab singkat.\n"
SECRET = "webhook_secret: s"
UNIPILE = f"{{platform: unipile, token: t, base_url: 'https://a.example/api/v1', account: a, {SECRET}}}"
AELYST = f"{{platform: aelyst, token: t, {SECRET}}}"


def examined(text: str) -> Examination:
    return examine_text(f"{BASE}{text}voice: {{model: none}}\n", environment={})


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        (f"messaging: {UNIPILE}\nconversation:\n  handover:\n    assign_to: a@b.example\n", "6:16", "assignment"),
        (f"messaging: {UNIPILE}\nactions:\n  - {{builtin: lifecycle, stages: [Lead]}}\n", "5:15", "lifecycle"),
        (f"messaging: {UNIPILE}\nactions:\n  - builtin: close_conversation\n", "5:14", "close"),
    ],
)
def test_what_no_platform_can_do_is_an_error_at_its_line(text: str, place: str, named: str) -> None:
    (error,) = examined(text).errors
    assert str(error).startswith(f"agent.yaml:{place}: ")
    assert named in str(error)
    assert "unipile" in str(error)


def test_what_only_some_platforms_can_do_is_a_warning() -> None:
    found = examined(f"messaging: [{UNIPILE}, {AELYST}]\nconversation: {{handover: {{assign_to: a@b.example}}}}\n")
    assert found.errors == ()
    (warning,) = found.warnings
    assert "no effect on unipile" in warning.message


def test_what_the_ledger_keeps_needs_no_word() -> None:
    found = examined(f"messaging: {UNIPILE}\nactions: [{{builtin: tags, tags: [vip]}}, {{builtin: comment}}]\n")
    assert found.errors == found.warnings == ()


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("{platform: unipile, token: t, account: a, webhook_secret: s}", "base_url"),
        ("{platform: unipile, token: t, base_url: 'https://a.example', webhook_secret: s}", "GET /accounts"),
        ("{platform: zernio, token: t, webhook_secret: s}", "Zernio dashboard"),
        ("{platform: whatsapp, token: t, webhook_secret: s, verify_token: v}", "phone number id"),
    ],
)
def test_a_missing_account_is_an_error_that_says_where_to_find_it(entry: str, named: str) -> None:
    (error,) = examined(f"messaging:\n  - {entry}\n").errors
    assert (error.mark.line, error.mark.column) == (4, 5)
    assert named in error.message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("messaging: {platform: whatsapp, token: t, account: a, webhook_secret: s}\n", "verify_token"),
        ("messaging: {platform: telegram, token: t}\n", "webhook_secret"),
        (f"messaging: {UNIPILE[:-1]}, dialect: docs}}\n", "aisoule only"),
        (
            f"messaging: {UNIPILE}\nfollowups: {{rules: [{{name: a, after: 2h, text: x, template: {{name: t, language: id}}}}]}}\n",
            "never sent",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(text: str, named: str) -> None:
    found = examined(text)
    assert found.errors == ()
    assert any(named in warning.message for warning in found.warnings)


def test_an_account_of_digits_is_text() -> None:
    found = examined(
        "messaging: {platform: whatsapp, token: t, account: 123456789012345, webhook_secret: s, verify_token: v}\n"
    )
    assert found.config is not None
    assert found.config.platforms[0].account == "123456789012345"
