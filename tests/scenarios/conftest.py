"""A small shop whose agent answers offline: the one that the example of the contract is written for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_openai.chat_models import _client_utils

AGENT = """\
name: Melati
instructions: Kamu Melati, asisten Kopi Senja.
timezone: Asia/Jakarta
messaging: {platform: aelyst, webhook_secret: none}
model: {name: offline}
conversation:
  handover: {when: [asked, failure], resume_after: 1h}
knowledge:
  sources: [{path: menu.csv}, {path: jam.md}]
actions:
  - name: get_order
    description: Melihat status sebuah pesanan.
    parameters:
      order_id: {type: string, pattern: "^KS-[0-9]{5}$", description: nomor pesanan, from: conversation}
      phone: {from: contact.phone}
    request: {url: "https://shop.example/orders/{order_id}", query: {phone: "{phone}"}, auth: {bearer: very-secret-token}}
    response: {pick: {pesanan: $.id, status: $.status, kurir: $.courier}, errors: {404: "Pesanan {order_id} tidak ditemukan."}}
    examples: [pesanan KS-10234 sudah sampai mana?]
  - name: cancel_order
    description: Membatalkan pesanan.
    effect: true
    confirm: "Batalkan pesanan {order_id}?"
    parameters: {order_id: {type: string, pattern: "^KS-[0-9]{5}$", description: nomor pesanan, from: conversation}}
    request: {method: POST, url: "https://shop.example/orders/{order_id}/cancel"}
    response: {pick: {status: $.status}}
    examples: [batalkan pesanan KS-10234]
  - builtin: hand_over
  - builtin: send_qris
payments:
  qris:
    payload: PAYLOAD
    expires: 15m
followups:
  rules:
    - {name: kode, after: 90m, when: {no_reply: true}, text: {id: Mau saya kirim kode bayar yang baru?}}
voice: {model: none}
"""

_PAYLOAD = (
    "00020101021126670015COM.EXAMPLE.WWW01189360099900000000170215EX00000000000170303UMI51440014ID.CO.QRIS.WWW0215"
    "ID10990000000170303UMI5204581253033605802ID5918WARUNG CONTOH JAYA6013JAKARTA PUSAT61051031062070703A016304EEEB"
)
MENU = "produk,ukuran,harga\nKopi Susu Senja,350 ml,25000\nAmericano,250 ml,22000\n"
HOURS = "# Jam buka\n\n## Jam berapa toko buka?\n\nToko buka setiap hari jam 07.00 sampai 21.00.\n"


def make_shop(folder: Path) -> Path:
    """The shop in a folder."""
    (folder / "agent.yaml").write_text(AGENT.replace("PAYLOAD", _PAYLOAD))
    (folder / "menu.csv").write_text(MENU)
    (folder / "jam.md").write_text(HOURS)
    (folder / "tests" / "notes").mkdir(parents=True)
    (folder / "tests" / "notes" / "harga.ogg").write_bytes(b"OggS not really")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The shop's folder."""
    return make_shop(tmp_path)


@pytest.fixture
def scenario(shop: Path) -> Callable[..., Path]:
    """Writes a scenario of the shop."""

    def write(text: str, name: str = "order_status") -> Path:
        path = shop / "tests" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def clear_clients() -> Callable[[], None]:
    """Forgets the clients of models, which belong to the event loop of one command."""
    cleared: Callable[[], None] = _client_utils._cached_async_httpx_client.cache_clear
    cleared()
    return cleared
