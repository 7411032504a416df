CUCIAN = {
    "BK-1021": {"status": "siap diambil", "berat_kg": 4, "total": 36000},
    "BK-1044": {"status": "sedang disetrika", "berat_kg": 2, "total": 18000},
}


def cek_cucian(nota: str) -> dict:
    """Melihat status cucian menurut nomor nota.

    Args:
        nota: nomor nota
    """
    if nota not in CUCIAN:
        raise ValueError(f"nota {nota} tidak ditemukan")
    return CUCIAN[nota]


def batalkan_jemput(nota: str) -> dict:
    """Membatalkan penjemputan cucian.

    Args:
        nota: nomor nota
    """
    return {"nota": nota, "status": "dibatalkan"}
