"""Vectors beside the keywords: from an endpoint, from a local model, and none at all when they are late."""

import asyncio
import json
import math
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from knowledge.errors import EmbeddingError
from knowledge.index import dense
from knowledge.index.embeddings import (
    Endpoint,
    HashedGrams,
    OnnxModel,
    Prefixes,
    prefixes_by_name,
    read_pooling,
    read_prefixes,
)
from knowledge.settings import EndpointSettings, FolderSettings
from tests.knowledge.conftest import OpenKnowledge
from tests.knowledge.memory import MemoryStore

# A model that knows that "penginapan" and "kamar" are about the same, which no keyword could tell.
MEANINGS = {"kamar": 0, "penginapan": 0, "kopi": 1, "minuman": 1, "parkir": 2}


class EmbeddingServer:
    """`POST /embeddings` on loopback. `texts` is everything it embedded; `delay` in seconds; `status` of its answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.delay = 0.0
        self.status = 200
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(next(line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length")))
        texts = json.loads(await reader.readexactly(length))["input"]
        self.texts += texts
        await asyncio.sleep(self.delay)
        data = [{"index": n, "embedding": self._vector(text)} for n, text in reversed(list(enumerate(texts)))]
        body = json.dumps({"data": data}).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (self.status, len(body), body)
        )
        await writer.drain()
        writer.close()

    def _vector(self, text: str) -> list[float]:
        vector = [0.0, 0.0, 0.0, 0.05]
        for word in text.lower().replace(".", " ").split():
            if word in MEANINGS:
                vector[MEANINGS[word]] += 1
        return vector


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    embeddings = EmbeddingServer()
    listening = await asyncio.start_server(embeddings.serve, "127.0.0.1", 0)
    embeddings.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield embeddings
    listening.close()


@pytest.fixture
def hotel(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text(
        "# Harga\n\n## Menginap\n\nPenginapan mulai dua ratus ribu.\n\n## Minum\n\nKopi sepuluh ribu.\n"
    )
    return tmp_path


def _answering(answer: Callable[[dict[str, Any]], Any]) -> tuple[Endpoint, list[dict[str, Any]]]:
    """An endpoint whose provider answers so, and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        status, body = answer(asked[-1])
        return httpx.Response(status, content=json.dumps(body))

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    settings = EndpointSettings(model="text-embedding-3-small", base_url="https://api.example/v1")
    return Endpoint(settings, lambda: client), asked


def _vectors(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"index": at, "embedding": [float(len(text)), 1.0, 0.0]} for at, text in enumerate(texts)]


TEXTS = ["x" * length for length in range(1, 71)]


@pytest.mark.parametrize("change", ["none", "reversed", "no index", "index as text"])
async def test_every_text_gets_its_own_vector_in_whatever_order_they_come(change: str) -> None:
    def answer(body: dict[str, Any]) -> Any:
        data = _vectors(body["input"])
        for item in data:
            if change == "no index":
                del item["index"]
            elif change == "index as text":
                item["index"] = str(item["index"])
        return 200, {"data": data[::-1] if change == "reversed" else data}

    endpoint, asked = _answering(answer)
    vectors = await endpoint.embed(TEXTS)
    assert [round(float(row[0] / row[1])) for row in vectors] == list(range(1, 71))
    assert [len(body["input"]) for body in asked] == [32, 32, 6]


@pytest.mark.parametrize(
    "vector",
    [[None, 1.0, 0.0], [math.nan, 1.0, 0.0], [math.inf, 1.0, 0.0], [], [[1.0, 0.0]], 1.0, "AAAA", {"float": [1.0]}],
)
async def test_vectors_of_no_numbers_are_none(vector: Any) -> None:
    endpoint, _ = _answering(lambda body: (200, {"data": [{"index": 0, "embedding": vector}]}))
    with pytest.raises(EmbeddingError):
        await endpoint.embed(["halo"])


@pytest.mark.parametrize(("status", "error"), [(429, "Rate limit reached"), (401, "Incorrect API key"), (200, "no")])
async def test_a_provider_that_does_not_embed_says_why(status: int, error: str) -> None:
    endpoint, asked = _answering(lambda body: (status, {"error": {"message": error}}))
    with pytest.raises(EmbeddingError, match=str(status) if status != 200 else "data"):
        await endpoint.embed(TEXTS)
    assert len(asked) == 1


async def test_what_a_provider_refuses_of_a_request_is_left_out_and_long_batches_are_shortened() -> None:
    def answer(body: dict[str, Any]) -> Any:
        if "encoding_format" in body:
            return 400, {"error": {"message": "encoding_format must be base64 or null"}}
        if len(body["input"]) > 8:
            return 413, {"error": f"batch size {len(body['input'])} > maximum allowed batch size 8"}
        return 200, {"data": _vectors(body["input"])}

    endpoint, asked = _answering(answer)
    vectors = await endpoint.embed(TEXTS)
    assert [round(float(row[0] / row[1])) for row in vectors] == list(range(1, 71))
    before = len(asked)
    await endpoint.embed(TEXTS)
    assert [len(body["input"]) for body in asked[before:]] == [8] * 8 + [6]


async def test_a_model_finds_what_no_keyword_shares(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge
) -> None:
    knowledge = await open_knowledge(
        "a.md", embeddings={"model": "m", "base_url": server.url, "api_key": "k", "weight": 0.5}
    )
    await knowledge.sync()
    await knowledge.settled()
    found = await knowledge.search(["kamar"])
    assert (found.mode, found.hits[0].text) == ("blend", "Penginapan mulai dua ratus ribu.")
    assert 0 < found.confidence <= 1


async def test_the_same_text_is_embedded_once(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    embeddings = {"model": "m", "base_url": server.url}
    knowledge = await open_knowledge("a.md", embeddings=embeddings)
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.aclose()
    assert len([text for text in server.texts if text.startswith("Harga > ")]) == 2
    asked = len(server.texts)
    text = (hotel / "a.md").read_text()
    (hotel / "a.md").write_text(text + "\n## Parkir\n\nGratis.\n")
    knowledge = await open_knowledge(
        "a.md", embeddings=embeddings, chroma={"path": "another"}
    )  # Chroma was thrown away
    await knowledge.settled()
    await knowledge.sync()
    assert [text for text in server.texts[asked:] if text.startswith("Harga > ")] == ["Harga > Parkir\nGratis."]


async def test_a_question_is_embedded_as_it_was_understood(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge
) -> None:
    knowledge = await open_knowledge("a.md", embeddings={"model": "m", "base_url": server.url})
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.search(["brp harga pnginapan"])
    assert server.texts[-1] == "berapa harga penginapan"


@pytest.mark.parametrize("fault", ["slow", "failing"])
async def test_a_server_that_is_late_or_fails_leaves_the_keywords_to_answer_and_is_left_alone_for_a_while(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(dense, "QUERY_TIMEOUT", 0.1)
    knowledge = await open_knowledge("a.md", embeddings={"model": "m", "base_url": server.url})
    await knowledge.sync()
    await knowledge.settled()
    server.delay, server.status = (5, 200) if fault == "slow" else (0, 500)
    found = await knowledge.search(["harga kopi"])
    assert (found.mode, found.hits[0].text) == ("keywords", "Kopi sepuluh ribu.")
    asked = len(server.texts)
    await knowledge.search(["harga kopi"])
    assert len(server.texts) == asked


async def test_passages_that_could_not_be_embedded_are_found_by_keywords_and_embedded_later(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge
) -> None:
    server.status = 500
    knowledge = await open_knowledge("a.md", embeddings={"model": "m", "base_url": server.url})
    await knowledge.sync()
    await knowledge.settled()
    assert "answered 500" in (knowledge.problem or "")
    assert (await knowledge.search(["penginapan"])).mode == "keywords"
    server.status = 200
    await knowledge.sync()
    assert knowledge.problem is None
    assert (await knowledge.search(["kamar"])).mode == "blend"


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer, for an ONNX model of a few bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def tiny_model(rows: list[list[float]]) -> bytes:
    """input_ids → a row of `rows` per token: one Gather."""
    table = field(1, len(rows)) + field(1, len(rows[0])) + field(2, 1) + field(8, b"table")
    table += field(9, b"".join(struct.pack("<f", x) for row in rows for x in row))
    node = field(1, b"table") + field(1, b"input_ids") + field(2, b"out") + field(4, b"Gather")

    def typed(name: bytes, kind: int, rank: int) -> bytes:
        shape = b"".join(field(1, field(2, b"d%d" % n)) for n in range(rank))
        return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))

    graph = field(1, node) + field(2, b"g") + field(5, table)
    graph += field(11, typed(b"input_ids", 7, 2)) + field(12, typed(b"out", 1, 3))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


@pytest.fixture
def model_folder() -> Callable[[Path], Awaitable[Path]] | Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel
        from tokenizers.pre_tokenizers import BertPreTokenizer

        folder.mkdir(parents=True)
        names = ["[UNK]", *MEANINGS]
        tokenizer = Tokenizer(WordLevel({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = BertPreTokenizer()
        tokenizer.save(str(folder / "tokenizer.json"))
        rows = [[0.0, 0.0, 0.0, 0.01]] + [
            [float(MEANINGS[name] == at) for at in range(3)] + [0.01] for name in MEANINGS
        ]
        (folder / "model.onnx").write_bytes(tiny_model(rows))
        return folder

    return build


async def test_a_local_model_averages_the_words_it_knows_and_not_the_padding(
    tmp_path: Path, model_folder: Callable[[Path], Path]
) -> None:
    model = OnnxModel(folder := model_folder(tmp_path / "model"), FolderSettings(path=folder))
    short, long = await model.embed(["kamar", "kamar kopi kamar kopi"])
    assert np.allclose(np.linalg.norm([short, long], axis=1), 1)
    assert short[0] > 0.99
    assert long[0] == pytest.approx(long[1])


async def test_a_local_model_in_its_usual_place_is_used_without_being_named(
    hotel: Path, open_knowledge: OpenKnowledge, model_folder: Callable[[Path], Path]
) -> None:
    model_folder(hotel / ".balas/embeddings")
    (hotel / "a.md").write_text("# X\n\npenginapan\n\n# Y\n\nminuman\n")
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    await knowledge.settled()
    found = await knowledge.search(["kamar"])
    assert (found.mode, found.hits[0].text) == ("blend", "penginapan")


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"has no model\.onnx"):
        OnnxModel(tmp_path, FolderSettings(path=tmp_path))


def test_hashed_vectors_are_alike_for_texts_that_are() -> None:
    a, b, c = HashedGrams().vectors(["jam buka toko kopi", "jam buka toko kopi kami", "ongkos kirim barang"])
    assert a @ b > 0.8
    assert abs(a @ c) < 0.3
    assert not HashedGrams().vectors([""]).any()


def test_the_models_own_configuration_says_how_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]')
    (tmp_path / "1_Pooling/config.json").write_text(
        '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    (tmp_path / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q: ", "document": "d: "}}')
    assert (read_prefixes(tmp_path), read_pooling(tmp_path)) == (Prefixes("q: ", "d: "), "cls")


def test_without_a_configuration_the_name_says_it_and_the_mean_is_taken(tmp_path: Path) -> None:
    assert (read_prefixes(tmp_path), read_pooling(tmp_path)) == (Prefixes(), "mean")
    (tmp_path / "config.json").write_text('{"_name_or_path": "intfloat/multilingual-e5-small"}')
    assert read_prefixes(tmp_path) == Prefixes("query: ", "passage: ")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("e5", "query: "),
        ("intfloat/multilingual-e5-base", "query: "),
        ("e5-small-v2", "query: "),
        ("nomic-embed-text", "search_query: "),
        ("text-embedding-3-small", ""),
        ("minilm-l6-v2", ""),
        ("base5", ""),
    ],
)
def test_models_of_a_known_name_get_their_prefixes(name: str, query: str) -> None:
    assert prefixes_by_name(name).query == query


async def test_an_endpoint_gets_questions_and_passages_marked_as_its_model_wants(
    hotel: Path, server: EmbeddingServer, open_knowledge: OpenKnowledge
) -> None:
    knowledge = await open_knowledge(
        "a.md", embeddings={"model": "e5", "base_url": server.url, "passage_prefix": "p: "}
    )
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.search(["kamar"])
    assert server.texts[-1] == "query: kamar"
    assert "p: Harga > Minum\nKopi sepuluh ribu." in server.texts


async def test_the_first_token_is_taken_where_the_model_was_trained_so(
    tmp_path: Path, model_folder: Callable[[Path], Path]
) -> None:
    folder = model_folder(tmp_path / "model")
    mean, cls = (
        OnnxModel(folder, FolderSettings(path=folder)),
        OnnxModel(folder, FolderSettings(path=folder, pooling="cls")),
    )
    assert (await cls.embed(["kamar kopi"]))[0][0] > 0.99 > (await mean.embed(["kamar kopi"]))[0][0]
    assert mean.name != cls.name, "their vectors are not comparable"
