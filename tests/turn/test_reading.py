"""What a draft is held against: true replies to real questions are sent as they are, invented ones never.

`data/replies.tsv` holds a line a reply: the shop (its document is `data/SHOP.md`), what becomes of it (`true`, sent at once; `told`, sent
although it was told to the model once; `noted`, sent after that with what the document says; `false`, never sent), what the customer
asks, the reply. The false ones are those of small models.
"""

import csv
import shutil
from pathlib import Path

import httpx
import pytest

from agent.ledger.knowledge import SqlKnowledgeStore
from agent.ledger.sqlite import SqliteDatabase
from agent.turn.prompt import Persona
from knowledge import Knowledge, KnowledgeSettings
from tests.ledger.messages import message
from tests.turn.harness import JAKARTA, Desk, says

DATA = Path(__file__).parent / "data"
REPLIES = list(csv.reader((DATA / "replies.tsv").open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
PERSONAS = {
    "florist": Persona(
        "Melati", "Kamu Melati, asisten toko bunga Kebun Rangkai di Malang. Jawab singkat dan ramah.", JAKARTA
    ),
    "homestay": Persona("Wayan", "You are Wayan, the assistant of Sawah View Homestay near Ubud.", JAKARTA),
    "catering": Persona("Ratmi", "Kamu Ratmi, asisten katering Dapur Bu Ratmi di Semarang.", JAKARTA),
    "surf": Persona("Kai", "You are Kai, the assistant of Gerupuk Swell, a surf school in Lombok.", JAKARTA),
    "laundry": Persona("Rini", "Kamu Rini, asisten Laundry Bersih Wangi.", JAKARTA),
}


@pytest.mark.parametrize("shop", PERSONAS)
async def test_true_replies_are_sent_and_invented_ones_are_not(shop: str, empty_ledger: Path, tmp_path: Path) -> None:
    wrong, settings = [], KnowledgeSettings.model_validate({"sources": [f"{shop}.md"], "passages": 10})
    store = SqlKnowledgeStore(SqliteDatabase(shutil.copy(empty_ledger, tmp_path / "knowledge.db")))
    async with (
        httpx.AsyncClient() as client,
        await Knowledge.open_without_chroma(settings, DATA, store, client) as knowledge,
    ):
        await knowledge.sync()
        for number, (_, kind, said, reply) in enumerate(row for row in REPLIES if row[0] == shop):
            database = SqliteDatabase(shutil.copy(empty_ledger, tmp_path / f"{number}.db"))
            desk = Desk(database, knowledge=knowledge, persona=PERSONAS[shop], client=client)
            desk.model.replies = [says(reply)] * 3
            await desk.receive(message(1, said))
            await desk.answer()
            sent, asked = (await desk.said())[-1], len(desk.model.asked)
            became = "noted" if sent.startswith(f"{reply}\n\n") else sent == reply
            if (became, asked) != {"true": (True, 1), "told": (True, 2), "noted": ("noted", 2), "false": (False, 3)}[
                kind
            ]:
                wrong.append((kind, said, reply, sent, asked))
            await database.aclose()
    assert wrong == [], "\n".join(map(str, wrong))
