"""Kinds of deeds: which action can have done what a verb of a reply names.

A receipt of `cancel_order` proves "sudah saya batalkan" and nothing about an address. The kinds are coarse on purpose: an action whose name
and description tell no kind proves any deed, since a business may call its actions as it likes.
"""

import re
from functools import lru_cache
from typing import Literal

from actions.action import Action

Deed = Literal["cancel", "refund", "change", "create", "send", "block", "pause", "activate"]

_CANCEL = r"batal|cancel|void|annul|hapus|delet|remov|unsubscri|henti|tamat|padam|stop|nonaktif|deactiv|terminat"
_REFUND = r"refund|kembali|reimburs|retur|bayaran balik|pulang|revers|credit"
_CHANGE = (
    r"ubah|ganti|rebook|swap|perba(?:ha)?rui|updat|upgrad|chang|edit|modif|resched|jadwal|tukar|kemas ?kini|pindah|switch|replac|"
    r"exchang|extend|"
    r"perpanjang|mov(?:e|ing)\b|mov(?:ed|e_)|sesuaikan|adjust|koreksi|correct|benerin|betulkan|perbaiki|naikkan|naik taraf|turunkan|"
    r"transfer|downgrad|geser|rubah|majukan|mundurkan|anjak|(?:di|ng)undur|tunda|alihkan|postpon|push(?:ed)? back"
)
_BLOCK = r"blokir|block|sekat|suspend|beku|freez|frozen|(?<!un)lock|(?<!buka )kunci|nonaktif|deactiv|matikan|disabl"
_PAUSE = r"jeda|paus|tangguh|\bhold|suspend|beku|freez|frozen|tunda|henti|stop|nonaktif"
_ACTIVATE = (
    r"(?<!non)(?<!de)(?:aktifkan|aktifin|aktifasi|aktivasi|activat)|enabl|nyala|hidupkan|(?:turn|switch)\w{0,4} on\b|start|"
    r"resum|lanjutkan"
)
_SEND = r"kirim|transfer|send|sent|ship|hantar|mail|dispatch|forward|terus"
_CREATE = (
    r"buat|bikin|pasang|creat|tambah|add|daftar|regist|submi|aju|lapor|report|simpan|sav(?:e|ing)|catat|tempah|new_|make|made|"
    r"plac(?:e|ing)|"
    r"insert|"
    r"post|book|reserv|input|rekod|record|log(?:ged)?\b|fil(?:e|ed)\b|issue|open|schedul|jadwal|initiat|set ?up|secure"
)
_NOUNS = r"\border|pesan|request|ticket|tiket|apply|applied|generat|terbit"
_SETTLE = (
    r"konfirmasi|confirm|approv|sah(?:kan)?\b|aktif|activ|verif|proses|process|arrang|complet|selesai|handl|sort|urus|atur|take|taken|"
    r"fix|"
    r"eksekusi|jalan"
)

_KINDS: tuple[tuple[Deed, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(words, re.IGNORECASE))  # type: ignore[misc]
    for kind, words in (
        ("cancel", _CANCEL),
        ("refund", _REFUND),
        ("change", _CHANGE),
        ("send", _SEND),
        ("create", _CREATE),
        ("block", _BLOCK),
        ("pause", _PAUSE),
        ("activate", _ACTIVATE),
    )
)
_SETTLES = re.compile(_SETTLE, re.IGNORECASE)
_MAKES = re.compile(_NOUNS, re.IGNORECASE)

_BUILTIN: dict[str, frozenset[Deed]] = {
    "hand_over": frozenset(("send",)),
    "update_contact": frozenset(("change", "create")),
    "remember": frozenset(("change", "create")),
    "tags": frozenset(("change", "create")),
    "lifecycle": frozenset(("change",)),
    "comment": frozenset(("create", "send")),
    "close_conversation": frozenset(("change",)),
    "follow_up": frozenset(("create", "change")),
    "cancel_reminder": frozenset(("cancel",)),
    "send_file": frozenset(("send",)),
    "quick_replies": frozenset(("send",)),
    "send_qris": frozenset(("send", "create")),
}


@lru_cache(1024)
def deeds_of_verb(verb: str) -> frozenset[Deed]:
    """Read which kinds of deed a verb of a reply names; empty when any action may have done it (`diproses`, `confirmed`)."""
    kinds = frozenset(kind for kind, words in _KINDS if words.search(verb))
    if kinds:
        # what was made, put in place of another or renewed is active, too
        return kinds | {"create", "change"} if "activate" in kinds else kinds
    return frozenset() if _SETTLES.search(verb) or not _MAKES.search(verb) else frozenset(("create",))


def deeds_of_action(action: Action) -> frozenset[Deed]:
    """Read which kinds of deed an action can do; empty when its name and description tell none.

    The name decides where it tells a kind: descriptions also say what an action must not be used for.
    """
    if action.builtin is not None and action.builtin in _BUILTIN:
        return _BUILTIN[action.builtin]
    return _kinds(action.name) or _kinds(action.description)


def deeds_in_text(text: str) -> frozenset[Deed]:
    """Read which kinds of deed any text names."""
    return _kinds(text)


def _kinds(text: str) -> frozenset[Deed]:
    kinds = frozenset(kind for kind, words in _KINDS if words.search(text))
    return kinds or (frozenset(("create",)) if _MAKES.search(text) else frozenset())
