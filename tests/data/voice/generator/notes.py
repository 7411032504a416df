"""The recordings of the tests, the same bytes every time; all by voices that were never trained on."""

import json
from pathlib import Path

import numpy as np

from generator.phrases import SEED
from generator.speech import TEST_VARIANTS, note

# A list is (seed, [(language, phrases)]): fixed beforehand, not picked by what the model makes of them.
SAMPLES = (
    SEED + 55,
    [
        ("id", ["halo selamat pagi"]),
        ("id", ["jam berapa toko buka"]),
        ("id", ["saya mau bayar lima puluh ribu"]),
        ("id", ["nomor pesanan saya tujuh dua nol sembilan"]),
        ("id", ["pesanan saya belum sampai"]),
        ("id", ["halo selamat pagi", "berapa ongkos kirimnya"]),
        ("id", ["saya mau bicara dengan admin"]),
        ("id", ["saya mau pesan dua nasi goreng"]),
        ("en", ["where is my order"]),
        ("en", ["order number one two three four"]),
        ("en", ["what time do you open"]),
        ("en", ["i want a refund"]),
        ("en", ["hello good morning", "is this still available"]),
        ("en", ["can i talk to a human"]),
        ("id", []),
        ("en", []),
    ],
)
VOICES = (
    SEED + 56,
    [
        ("id", ["berapa harganya"]),
        ("id", ["terima kasih banyak"]),
        ("id", ["saya mau pesan tiga kopi susu"]),
        ("id", ["totalnya tujuh puluh lima ribu"]),
        ("id", ["saya sudah transfer", "tolong cek pesanan saya"]),
        ("en", ["how much is it"]),
        ("en", ["my order has not arrived"]),
        ("en", ["i want two iced tea"]),
    ],
)


def write_notes(folder: Path, seed: int, wanted: list[tuple[str, list[str]]]) -> None:
    """The recordings, and `samples.json` that says what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (language, texts) in enumerate(wanted):
        recording, spans = note(np.random.default_rng([seed, number]), texts, language, TEST_VARIANTS)
        name = f"{number:02d}-{language}-{(' '.join(texts) or 'noise').replace(' ', '-')[:40]}.ogg"
        (folder / name).write_bytes(recording)
        segments = [{"start": round(span.start, 2), "end": round(span.end, 2), "text": span.text} for span in spans]
        rows.append(
            {"file": name, "language": language if texts else None, "text": " ".join(texts), "segments": segments}
        )
    (folder / "samples.json").write_text(json.dumps(rows, indent=1) + "\n")
