"""People in a reply: one whom nobody has named is found where a reply introduces somebody, and nothing else is taken for one."""

import pytest

from actions.people import borrowed, introduced, unknown_people

KNOWN = ["Kamu Rani, resepsionis Klinik Senyum. drg. Siti Rahma praktik Senin.", "Mekanik: Joko Susilo", "Budi"]


@pytest.mark.parametrize(
    "reply",
    [
        "Dokter giginya adalah Rani Kani",
        "Dokter kami bernama dr. Andi Wijaya.",
        "Our dentist is Dr. Smith.",
        "Ada drg. Putri kak hari Rabu",
        "Perawatnya Mbak Lestari",
        "The head mechanic is John Doe.",
        "Mekanik kepala kami adalah Pak Anton Wibowo.",
        "Silakan hubungi Pak Dedi di bengkel",
        "Bisa langsung dengan Ibu Ratna ya Kak",
        "dokter kami: drg. Maya Sari, drg. Andika",
        "You can ask for Mr. Tan.",
        "Namanya Dewi Anggraini.",
        "Your appointment is with Doctor Emily Carter",
    ],
)
def test_a_person_whom_nobody_named_is_found(reply: str) -> None:
    assert unknown_people(introduced(reply), KNOWN) != []
    assert unknown_people(introduced(reply), [*KNOWN, reply]) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Dokter Gigi kami ada setiap hari.",
        "drg. Siti praktik Senin.",
        "Baik Kak Budi, ditunggu.",
        "Silakan hubungi Klinik Senyum",
        "Dokter Spesialis Anak tersedia",
        "Our dentist is available on Monday.",
        "Mekanik kami adalah Pak Joko Susilo.",
        "Dokter jaga: Senin sampai Jumat",
        "Pembayaran dengan Kartu Debit",
        "Admin kami, Rani, akan membantu",
        "Dengan Ibu siapa ya?",
        "Baik Bu, Terima kasih",
        "Kurirnya JNE atau SiCepat ya Kak",
        "The owner is on holiday until Tuesday",
    ],
)
def test_nobody_else_is_taken_for_one(reply: str) -> None:
    assert unknown_people(introduced(reply), KNOWN) == []


@pytest.mark.parametrize(
    ("reply", "found"), [("The head mechanic is Mr. Joko.", True), ("Joko, your assistant, asks a mechanic.", False)]
)
def test_the_agent_takes_no_role_that_it_does_not_have(reply: str, found: bool) -> None:
    assert bool(borrowed(reply, "Joko", "You are Joko, the service desk of a workshop.")) is found
