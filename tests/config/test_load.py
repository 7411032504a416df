from datetime import timedelta
from pathlib import Path

import pytest

from agent.config import AgentConfig, examine, examine_text, load, loads

EXAMPLE = Path(__file__).parents[1] / "data" / "config" / "agent.example.yaml"
ROOT = Path(__file__).parents[2]
QRIS = (
    "00020101021126670015COM.EXAMPLE.WWW01189360099900000000170215EX00000000000170303UMI51440014ID.CO.QRIS.WWW"
    "0215ID10990000000170303UMI5204581253033605802ID5918WARUNG CONTOH JAYA6013JAKARTA PUSAT61051031062070703A016304EEEB"
)
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-example",
    "AELYST_TOKEN": "token",
    "AELYST_WEBHOOK_SECRET": "hook",
    "SHOP_TOKEN": "shop",
    "QRIS_STATIC": QRIS,
    "BALAS_API_TOKEN": "api",
}
MINIMAL = "name: Melati\ninstructions: Jawab singkat.\n"


def test_the_whole_example_parses_into_typed_settings() -> None:
    config = load(EXAMPLE, environment=ENVIRONMENT)

    assert config.name == "Melati"
    assert config.model.timeout == timedelta(seconds=60)
    assert config.model.fallbacks == ("offline",)
    assert not config.model.offline
    assert config.platforms[0].token.get_secret_value() == "token"
    assert config.conversation.quiet_window.finished == timedelta(milliseconds=300)
    assert config.conversation.handover.resume_after == timedelta(hours=12)
    assert config.conversation.hours is not None
    assert [str(*day) if day else "closed" for day in config.conversation.hours.week] == [
        "08:00-21:00", "08:00-21:00", "08:00-21:00", "08:00-21:00", "08:00-21:00", "09:00-17:00", "closed",
    ]  # fmt: skip
    assert config.knowledge.sources[1].volatile
    assert [getattr(action, "name", None) for action in config.actions] == ["get_order", "cancel_order"]
    assert config.payments.qris is not None
    assert config.payments.qris.limit == 10_000_000
    assert config.voice.longest == timedelta(minutes=5)
    assert config.followups.rules[0].when.payment == "open"
    assert config.limits.usd_per_day == 20
    assert config.server.public_url == "https://agent.kopisenja.example"
    assert config.storage_url == f"sqlite:///{EXAMPLE.parent.absolute()}/.balas/balas.db"


def test_everything_but_name_and_instructions_has_a_default_that_works() -> None:
    config = loads(MINIMAL, environment={})

    assert config.model.offline
    assert config.platforms[0].effective_platform == "sandbox"
    assert config.actions == []


def test_the_sample_agent_runs_with_an_empty_environment() -> None:
    examination = examine(ROOT / "agent.yaml", environment={})

    assert examination.errors == ()
    assert examination.config is not None
    assert examination.config.model.offline
    assert examination.config.platforms[0].effective_platform == "sandbox"


def messages_of(text: str) -> list[str]:
    return [str(error) for error in examine_text(MINIMAL + text, environment={}).errors]


def test_one_platform_and_a_list_of_one_mean_the_same() -> None:
    one = loads(MINIMAL + "messaging: {platform: aelyst, token: t}\n", environment={})
    several = loads(MINIMAL + "messaging:\n  - {platform: aelyst, token: t}\n", environment={})

    assert list(one.platforms) == list(several.platforms)


def test_platforms_of_a_list_are_told_apart_by_name() -> None:
    config = loads(
        MINIMAL + "messaging:\n  - {platform: aelyst, token: t}\n  - {platform: aelyst, name: sales, token: u}\n",
        environment={},
    )

    assert [entry.effective_name for entry in config.platforms] == ["aelyst", "sales"]


def test_two_platforms_of_one_name_are_an_error_of_the_second() -> None:
    (error,) = messages_of("messaging:\n  - {platform: aelyst, token: t}\n  - {platform: aelyst, token: u}\n")

    assert error.startswith("agent.yaml:5:5: ")
    assert "`name`" in error


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        ("messaging:\n  - {platform: aelyst, tokn: t}\n", "4:24", "token"),
        ("messaging: {platform: aelist, token: t}\n", "3:23", "aelyst"),
        ("messaging: []\n", "3:12", "empty"),
        ("messaging:\n  - {name: 1a, token: t}\n", "4:12", "name of letters"),
    ],
)
def test_an_error_in_the_list_of_platforms_has_its_place(text: str, place: str, named: str) -> None:
    (error,) = messages_of(text)

    assert error.startswith(f"agent.yaml:{place}: ")
    assert named in error


def test_a_part_whose_keys_are_all_commented_out_counts_as_not_written() -> None:
    config = loads(MINIMAL + "knowledge:\n  # sources: []\nactions:\nlimits:\n", environment={})

    assert config.knowledge.passages == 6
    assert config.actions == []


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = (
        MINIMAL + "conversation:\n  on_failure: &sorry Maaf ya.\n  handover: {text: *sorry}\n"
        "knowledge:\n  sources:\n    - &web {url: https://a.example/, refresh: 1h}\n"
        "    - <<: *web\n      url: https://b.example/\n"
    )

    config = loads(text, environment={})

    assert config.conversation.handover.text.in_language("id") == "Maaf ya."
    assert [source.url for source in config.knowledge.sources] == ["https://a.example/", "https://b.example/"]
    assert config.knowledge.sources[1].refresh == timedelta(hours=1)


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(MINIMAL + "storage: sqlite:///data/ledger.db\n")

    config = load(tmp_path / "agent.yaml", environment={})

    assert config.resolve("docs") == tmp_path / "docs"
    assert config.resolve("/srv/docs") == Path("/srv/docs")
    assert config.storage_url == f"sqlite:///{tmp_path}/data/ledger.db"


def test_no_secret_is_in_what_a_configuration_shows_of_itself() -> None:
    config = loads(
        MINIMAL + "storage: postgresql://balas:hunter2@db/balas\nmodel: {api_key: sk-secret}\n", environment={}
    )

    shown = repr(config) + str(config) + config.model_dump_json()
    assert "hunter2" not in shown
    assert "sk-secret" not in shown
    assert config.storage_url == "postgresql://balas:hunter2@db/balas"


def test_a_configuration_cannot_be_changed() -> None:
    config = loads(MINIMAL, environment={})

    with pytest.raises(ValueError, match="frozen"):
        config.name = "Sari"  # type: ignore[misc]


def test_the_model_can_be_made_without_a_file() -> None:
    assert AgentConfig(name="A", instructions="B").resolve("x") == Path("x")


def test_json_is_yaml_with_its_escapes_for_characters_beyond_the_first_plane() -> None:
    config = loads(
        '{"name": "\\ud83d\\ude00 Melati", "instructions": "B", "\\u0076oice": {"model": "none"}}', environment={}
    )

    assert config.name == "😀 Melati"
    assert config.voice.model == "none"


def test_half_a_character_is_an_error_with_its_place() -> None:
    (error,) = examine_text('name: A\ninstructions: "\\ud83d"\n', environment={}).errors

    assert (error.mark.line, error.mark.column) == (2, 15)


def test_a_model_without_fallbacks_has_none(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(MINIMAL + "model: {base_url: http://127.0.0.1:1/v1}\n")

    assert load(tmp_path / "agent.yaml", environment={}).model.fallbacks == ()


@pytest.mark.parametrize(
    ("instructions", "language", "expected"),
    [
        ("You are Sari, the assistant of a bakery. Answer briefly.", "auto", "en"),
        ("Kamu Sari, asisten toko roti. Jawab singkat.", "auto", "id"),
        ("Melati", "auto", "id"),
        ("You are Sari, the assistant of a bakery. Answer briefly.", "ms", "ms"),
    ],
)
def test_who_has_not_written_yet_is_spoken_to_in_the_language_of_the_instructions(
    instructions: str, language: str, expected: str
) -> None:
    assert loads(f"name: A\ninstructions: {instructions}\nlanguage: {language}\n").default_language == expected
