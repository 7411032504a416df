"""The built-in actions: what they ask the runtime to do, and what they refuse."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import TypeAdapter

from actions import Actions, open_actions
from actions.action import (
    Action,
    ChangeTags,
    CloseConversation,
    Comment,
    Context,
    HandOver,
    Outcome,
    Remember,
    SendFile,
    SendQuickReplies,
    SetLifecycle,
    UpdateContact,
)
from actions.builtin.actions import is_inside, sendable
from actions.errors import MissingAction, NameTaken
from actions.redaction import Redactor
from actions.settings import ActionList
from tests.actions.conftest import NOW, Reply, Shop, context


async def opened(client: httpx.AsyncClient, folder: Path, *entries: dict[str, Any], **more: Any) -> Actions:
    return await open_actions(
        TypeAdapter(ActionList).validate_python(list(entries)),
        client,
        clock=lambda: NOW,
        timezone=ZoneInfo("Asia/Jakarta"),
        files=folder,
        **more,
    )


async def run(
    client: httpx.AsyncClient, folder: Path, entry: dict[str, Any], said: str = "", **arguments: Any
) -> Outcome:
    actions = await opened(client, folder, entry)
    (action,) = actions.values()
    told = context(said=[said])
    outcome = await action.run(arguments, told)
    assert (await action.check(arguments, told) is None) == (outcome.status == "done")
    return outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("menu.pdf", "foto/kopi.jpg", "agent.yaml", ".env", ".balas/x.png", "notes.txt"):
        (tmp_path / "agent" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "agent" / name).write_bytes(b"x")
    (tmp_path / "secret.pdf").write_bytes(b"x")
    (tmp_path / "agent" / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    return tmp_path / "agent"


@pytest.mark.parametrize(
    ("entry", "arguments", "request_"),
    [
        ({"builtin": "hand_over"}, {"reason": "marah"}, HandOver("marah")),
        ({"builtin": "hand_over"}, {"reason": "marah", "summary": "resi"}, HandOver("marah", "resi")),
        ({"builtin": "tags", "tags": ["vip", "grosir"]}, {"add": ["vip"]}, ChangeTags(("vip",))),
        ({"builtin": "tags", "tags": ["vip"]}, {"remove": ["vip"]}, ChangeTags((), ("vip",))),
        ({"builtin": "lifecycle", "stages": ["Lead", "Customer"]}, {"stage": "Lead"}, SetLifecycle("Lead")),
        ({"builtin": "comment"}, {"text": "cek stok"}, Comment("cek stok")),
        ({"builtin": "close_conversation"}, {"summary": "resi"}, CloseConversation(None, "resi")),
        (
            {"builtin": "close_conversation", "categories": ["Order"]},
            {"category": "Order"},
            CloseConversation("Order", None),
        ),
        (
            {"builtin": "quick_replies"},
            {"title": "Ukuran?", "replies": ["S", "L"]},
            SendQuickReplies("Ukuran?", ("S", "L")),
        ),
        ({"builtin": "send_file"}, {"file": "menu.pdf", "caption": "Menu"}, SendFile("menu.pdf", "Menu")),
    ],
)
async def test_a_built_in_asks_the_runtime(
    client: httpx.AsyncClient, folder: Path, entry: dict[str, Any], arguments: dict[str, Any], request_: Any
) -> None:
    outcome = await run(client, folder, entry, **arguments)
    assert outcome.status == "done"
    assert outcome.requests == (request_,)


@pytest.mark.parametrize(
    ("entry", "arguments"),
    [
        ({"builtin": "hand_over"}, {}),
        ({"builtin": "tags", "tags": ["vip"]}, {"add": ["admin"]}),
        ({"builtin": "tags", "tags": ["vip"]}, {}),
        ({"builtin": "lifecycle", "stages": ["Lead"]}, {"stage": "VIP"}),
        ({"builtin": "close_conversation"}, {"category": "x"}),
        ({"builtin": "quick_replies"}, {"title": "?", "replies": ["x" * 21]}),
        ({"builtin": "send_file"}, {"file": "../secret.pdf"}),
        ({"builtin": "send_file"}, {"file": "link.pdf"}),
        ({"builtin": "send_file"}, {"file": ".env"}),
        ({"builtin": "send_file"}, {"file": "/etc/passwd"}),
    ],
)
async def test_what_is_not_offered_is_refused(
    client: httpx.AsyncClient, folder: Path, entry: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert (await run(client, folder, entry, **arguments)).status == "refused"


async def test_only_what_the_customer_said_is_saved(client: httpx.AsyncClient, folder: Path) -> None:
    entry = {"builtin": "update_contact", "fields": ["email", "Tanggal Lahir"]}
    changes = [{"field": "email", "value": "budi@contoh.id"}, {"field": "Tanggal Lahir", "value": "12-3-1990"}]
    outcome = await run(client, folder, entry, "email budi@contoh.id, lahir 12 3 1990", changes=changes)
    assert outcome.requests == (UpdateContact({"email": "budi@contoh.id", "Tanggal Lahir": "12-3-1990"}),)
    assert (await run(client, folder, entry, "halo", changes=changes)).status == "refused"
    assert (
        await run(client, folder, entry, "+62811", changes=[{"field": "phone", "value": "+62811"}])
    ).status == "refused"


def test_files_out_of_the_folder_hidden_ones_and_links_out_are_never_offered(folder: Path) -> None:
    assert sendable(folder, ["**/*"]) == ["agent.yaml", "foto/kopi.jpg", "menu.pdf", "notes.txt"]
    assert sendable(folder, ["../*.pdf", "/etc/*", ".env", "**/*.png"]) == []
    for name in (
        "../secret.pdf",
        "foto/../../secret.pdf",
        "link.pdf",
        ".env",
        "foto",
        "nope.pdf",
        "a\0b",
        "foto\\kopi.jpg",
    ):
        assert not is_inside(folder, name), name


async def test_a_file_that_has_gone_is_not_sent(client: httpx.AsyncClient, folder: Path) -> None:
    actions = await opened(client, folder, {"builtin": "send_file", "files": ["*.pdf"]})
    (folder / "menu.pdf").unlink()
    outcome = await actions["send_file"].run({"file": "menu.pdf"}, context())
    assert outcome.status == "failed"


async def test_texts_of_agent_yaml_replace_the_built_in_ones(client: httpx.AsyncClient, folder: Path) -> None:
    entry = {"builtin": "hand_over", "name": "panggil_tim", "description": "Panggil tim.", "examples": ["mau komplain"]}
    actions = await opened(client, folder, entry, {"builtin": "comment", "confirm": "Catat {text}?"})
    assert (actions["panggil_tim"].description, actions["panggil_tim"].examples) == ("Panggil tim.", ["mau komplain"])
    assert (actions["panggil_tim"].builtin, actions["panggil_tim"].reads) == ("hand_over", False)
    assert actions["comment"].confirm == "Catat {text}?"


async def test_secrets_of_the_actions_are_known_to_the_redactor_without_being_told(
    client: httpx.AsyncClient, folder: Path, shop: Shop
) -> None:
    shop.on("/", Reply(body={"you sent": "sup3r-secret", "and": "other-secret"}))
    entry = {
        "name": "x",
        "description": "x",
        "request": {"url": shop.url("/"), "auth": {"bearer": "sup3r-secret"}},
    }
    actions = await opened(client, folder, entry, redactor=Redactor(["other-secret"]))
    outcome = await actions["x"].run({}, context())
    assert "secret" not in outcome.content
    assert outcome.data == {"you sent": "•••", "and": "•••"}


async def test_send_qris_comes_from_outside_or_is_an_error(client: httpx.AsyncClient, folder: Path) -> None:
    with pytest.raises(MissingAction, match=r"payments\.qris"):
        await opened(client, folder, {"builtin": "send_qris"})
    extra = (await opened(client, folder, {"builtin": "comment", "name": "send_qris"}))["send_qris"]
    actions = await opened(client, folder, {"builtin": "send_qris"}, extra=[extra])
    assert list(actions) == ["send_qris"]
    worded = {
        "builtin": "send_qris",
        "name": "bayar",
        "description": "Kirim QRIS.",
        "confirm": "Kirim?",
        "claims": ["x"],
    }
    own = (await opened(client, folder, worded, extra=[extra]))["bayar"]
    assert (own.description, own.confirm, own.claims, own.parameters) == (
        "Kirim QRIS.",
        "Kirim?",
        ["x"],
        extra.parameters,
    )
    assert (await own.run({"text": "halo"}, context())).requests == (Comment("halo"),)
    with pytest.raises(NameTaken):
        await opened(client, folder, {"builtin": "comment", "name": "send_qris"}, extra=[extra])


async def test_every_action_has_the_face_that_the_agent_knows(client: httpx.AsyncClient, folder: Path) -> None:
    http = {"name": "x", "description": "x", "request": {"url": "https://x.example/"}}
    actions = await opened(client, folder, http, {"builtin": "hand_over"}, {"builtin": "send_file"})
    face = [name for name in vars(Action) if not name.startswith("_")]
    for action in actions.values():
        assert all(hasattr(action, name) for name in face), action.name
        assert action.parameters["type"] == "object"
        assert isinstance(await action.check({}, Context({}, (), {}, "k", NOW)), Outcome | None)


async def test_what_the_customer_tells_about_themselves_is_remembered_in_their_words(
    client: httpx.AsyncClient, folder: Path
) -> None:
    entry = {"builtin": "remember", "facts": ["name", "address"]}
    facts = [{"key": "address", "value": "Jl. Braga 1"}]
    outcome = await run(client, folder, entry, "alamat saya jl braga 1 ya", facts=facts)
    assert outcome.requests == (Remember({"address": "Jl. Braga 1"}),)
    assert (await run(client, folder, entry, "alamat saya di bandung", facts=facts)).status == "refused"
    unlisted = [{"key": "religion", "value": "Jl. Braga 1"}]
    assert (await run(client, folder, entry, "alamat saya jl braga 1 ya", facts=unlisted)).status == "refused"


@pytest.mark.parametrize("builtin", ["remember", "update_contact"])
async def test_card_numbers_are_never_kept(client: httpx.AsyncClient, folder: Path, builtin: str) -> None:
    number = "4111 1111 1111 1111"
    if builtin == "remember":
        entry, arguments = {"builtin": builtin}, {"facts": [{"key": "preferences", "value": number}]}
    else:
        entry, arguments = (
            {"builtin": builtin, "fields": ["Notes"]},
            {"changes": [{"field": "Notes", "value": number}]},
        )
    outcome = await run(client, folder, entry, f"kartu saya {number}", **arguments)
    assert outcome.status == "refused"
    assert "card number" in outcome.content
    assert "4111" not in outcome.content
