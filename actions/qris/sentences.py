"""The amount in a sentence: "bayar 50rb ya kak", "totalnya 36.000 kan?". Times, dates, phone numbers, order numbers and
quantities are not amounts.
"""

import re

from actions.qris.amounts import SCALES, TERMS, Ambiguous, Amount, NotAnAmount, normalise, read_terms

_CURRENCY = r"(?P<currency>\b(?:rp\.?|idr)\s*)?"
_CANDIDATE = re.compile(
    rf"(?<![a-z0-9.,:/#@_-]){_CURRENCY}(?P<body>{TERMS})(?P<rupiah>\s*(?:rupiah|perak)\b)?(?:[.,]-{{1,2}})?"
    r"(?![0-9%:/°#_]|-[a-z0-9]|[.,][0-9])"
)
_PAYING = re.compile(
    r"\b(?:bayar(?:nya|in|kan)?|byr|transfer|tf|nominal(?:nya)?|total(?:nya)?|sebesar|senilai|sejumlah|jumlah(?:nya)?|"
    r"seharga|qris(?:nya)?|dp|pelunasan|pay(?:ing|ment)?|amount|send|of)\s*(?:dulu|saja|aja|ya|of|for|is|by|via|pakai|pake|:|=)?\s*$"
)
_COUNTED = re.compile(
    r"\s*(?:x\b|pcs|buah|bungkus|gelas|cup|porsi|kopi|botol|kg|gram|gr\b|g\b|ml|liter|pax|orang|jam|menit|hari|minggu|bulan|"
    r"tahun|th\b|items?|minutes?|hours?|days?|people|meter|km\b|am\b|pm\b|wib|wita|wit\b)"
)
_NUMBERED = re.compile(
    r"(?:\b(?:no|nomor|nmr|order|pesanan|invoice|inv|resi|jam|pukul|pkl|tgl|tanggal|hp|wa|telp|telepon|kode|meja|table|blok|rt|rw|at)\b\.?\s*[:#]?\s*)$"
)
_NEAR = 40
"""Characters around a number that say what it counts; looking at all of them would be quadratic."""
_SCALED = re.compile(rf"(?:{'|'.join(SCALES)})$")


def find_amount(sentence: str) -> Amount | Ambiguous | None:
    """The one amount of rupiah that a sentence speaks of, or `None`.

    Several different amounts, or one that can be read in several ways, are `Ambiguous`. A bare number counts only when it
    is written like money (`50.000`, `50000`) or follows a word of paying ("bayar 50": an `Amount` to be confirmed).
    """
    found = find_amounts(sentence)
    clear = {int(one): one for one in found if isinstance(one, Amount)}
    unclear = {value for one in found if isinstance(one, Ambiguous) for value in one.readings}
    if len(clear) == 1 and not unclear:
        return next(iter(clear.values()))
    return Ambiguous(sentence, tuple(sorted({*clear, *unclear}))) if found else None


def find_amounts(sentence: str) -> list[Amount | Ambiguous]:
    """Every amount in a sentence, in its order."""
    plain = normalise(sentence)
    if plain is None:
        return []
    readings = [
        read_terms(match[0].strip(), match["body"].strip())
        for match in _CANDIDATE.finditer(plain)
        if _is_money(plain, match)
    ]
    return [reading for reading in readings if not isinstance(reading, NotAnAmount)]


def _is_money(text: str, match: "re.Match[str]") -> bool:
    body = match["body"].strip()
    if match["currency"] or match["rupiah"]:
        return True
    before = text[max(0, match.start() - _NEAR) : match.start()]
    after = text[match.end() : match.end() + _NEAR]
    if _SCALED.search(body):
        return True
    if body.endswith("m"):  # 5 m: metres as likely as millions
        return _PAYING.search(before) is not None
    if _NUMBERED.search(before) or _COUNTED.match(after):
        return False
    if _PAYING.search(before):
        return True
    digits = re.sub("[^0-9]", "", body)
    grouped = re.fullmatch(r"[1-9][0-9]{0,2}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*", body) is not None
    return grouped or (
        body.isdigit() and digits.endswith("00") and 4 <= len(digits) <= 8 and not digits.startswith("0")
    )
