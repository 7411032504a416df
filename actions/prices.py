"""Amounts of money in a reply that nothing in the conversation supports.

    unfounded("Ongkirnya Rp17.000 ya Kak", Known(("Ongkir ke Bandung Rp12.000",)))   # ["Rp17.000"]

A weak model invents prices, and a customer holds the business to them. An amount is supported where it stands in what the model was
given (instructions, passages, results, what was said), in any spelling, or where it follows from amounts that stand there: a multiple by a
number that was named, a sum, a difference, a percentage, an equal part. What only the customer named is no price of the business: it may be
repeated, but not agreed to as a price.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Final

from actions.qris.money import NUMBER, SCALES
from actions.sentences import clauses, plain
from language.lexicon import content, forms_of
from language.numbers import numbers, runs

_SCALE: Final = "|".join(sorted(SCALES, key=len, reverse=True))
_SIGN: Final = r"(?:\b(?:rp|idr|rm|usd|sgd|aud|myr|eur|us\$|s\$|a\$)\.?|[$€£])"
_CALLED: Final = r"(?:rupiah|perak|ringgit|dolar|dollars?|bucks|euros?)"
_AMOUNT: Final = re.compile(
    rf"(?<![\w#/-])(?<!\w\.)(?P<sign>{_SIGN} ?)?(?P<body>{NUMBER}(?: ?(?:{_SCALE})(?![a-z]))?)(?P<called> {_CALLED}\b)?"
    r"(?![\w#/-]|[.,]\d|%)",
    re.IGNORECASE,
)
_SCALED: Final = re.compile(rf"(?:{_SCALE})\Z", re.IGNORECASE)
_GROUPED: Final = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*")
_OF_PRICE: Final = re.compile(
    r"\b(?:harga\w*|biaya\w*|tarif\w*|ongkir\w*|ongkos\w*|total\w*|bayar\w*|dibayar|pembayaran\w*|tagihan\w*|dp|deposit|cuma|hanya|"
    r"mulai dari|seharga|sebesar|senilai|diskon\w*|potongan\w*|denda\w*|prices?|priced|costs?|fees?|charges?|charged|pay|paid|"
    r"deposit|discount\w*|fare|refund\w*|worth|per (?:kg|kilo\w*|jam|hari|malam|orang|porsi|meter|hour|day|night|person))\b",
    re.IGNORECASE,
)
"""Words beside which a number without a currency is an amount of money."""
_COUNTS: Final = re.compile(
    r"\W*(?:pelanggan|orang|langkah|kali|km|kilometer|meter|mdpl|mah|ml|gram|gr|kg|jam|menit|detik|hari|bulan|tahun|followers?|customers?|"
    r"people|users?|members?|times|steps|views?|reviews?|ulasan|halaman|pages?|kata|words|kalori|kkal|cal\w*|watt|rpm|poin|points?|pcs|"
    r"produk|barang|unit|buah|items?|miles?|hours?|minutes?|days?|years?|tokens?)\b",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(rf"{NUMBER}(?: ?(?:{_SCALE})(?![a-z]))?", re.IGNORECASE)
_PERCENT: Final = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?) ?(?:%|persen\b|percent\b|peratus\b)", re.IGNORECASE)
_RANGE: Final = re.compile(
    rf"(\d{{1,4}}) ?(?:-|–|sampai|hingga|sd|s/d|to|dan|and|atau|or|/) ?\d{{1,4}} ?({_SCALE})\b", re.IGNORECASE
)
"""`20-25rb`: the scale is of both."""
_AGREES: Final = re.compile(
    r"\b(?:harga\w*|tarif\w*|diskon\w*|deal|sepakat|setuju|price\w*|costs?|discount\w*|agree\w*)\b", re.IGNORECASE
)
_REFUSES: Final = re.compile(
    r"\b(?:tidak|tdk|tak|nggak|gak|ga|belum|bukan|maaf|mohon maaf|sayang\w*|not|no|cannot|can't|unable|sorry|unfortunately|\w+n't)\b",
    re.IGNORECASE,
)
_OF_SUM: Final = re.compile(
    r"\b(?:total\w*|jumlah\w*|semua\w*|keseluruhan|seluruhnya|jadi\w*|plus|ditambah|tambah|sisa\w*|kembali\w*|selisih\w*|kurang\w*|"
    r"altogether|sum|remaining|rest|balance|differences?|saved?|savings?|refund\w*|additional|extra|change)\b",
    re.IGNORECASE,
)
_SHARED: Final = re.compile(
    r"\b(?:per|masing-masing|each|split|dibagi|bagi|patungan|sebulan|setahun|monthly|sekali)\b", re.IGNORECASE
)
_REDUCES: Final = re.compile(r"\b(?:diskon\w*|discount\w*|potongan\w*|cash ?back|promo\w*)\b|% off\b", re.IGNORECASE)
_VALUE: Final = re.compile(r"""["']\s?[:=]\s?["']?(\d{1,12}(?:\.\d{1,2})?)["']?\s?[,}\]]""")
"""A number as the value of a key: `"price": 152,`."""
_PARENTHESES: Final = re.compile(r"[()]")
_OF_ANY: Final = re.compile(
    r"\b(?:per \w+|mulai|dari|from|starting|start|starts|sekitar|about|hanya|only|rp|idr)\b", re.IGNORECASE
)
"""Words of prices that tell nothing of what they are for."""
_NEAR: Final = 60
"""Characters before a clause that may say what an amount in it is: `Total: Rp85.000`."""
_ROUNDED: Final = 1
_MOST_TIMES: Final = 1000
_MOST_TERMS: Final = 12
"""Amounts whose sums are tried; more would take long, and a sum of anything can be found."""


@dataclass(frozen=True)
class Known:
    """What amounts may come from.

    Args:
        business: what the owner and passages say.
        results: what actions returned and were called with, and what was said to this customer before.
        customer: what the customer has said.
    """

    business: Sequence[str]
    results: Sequence[str] = ()
    customer: Sequence[str] = ()

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """Every number that stands in what the business or a system of it has said."""
        return frozenset(_numbers((*self.business, *self.results)))

    def writes(self, amount: str) -> bool:
        """Whether an amount stands in what the business has said as it is written here; most do, and reading every number takes long."""
        digits = _DIGITS.search(amount)
        return digits is not None and any(
            re.search(rf"(?<![\d.,]){re.escape(digits[0])}(?![.,]?\d)", text)
            for text in (*self.business, *self.results)
        )

    @cached_property
    def found(self) -> frozenset[Decimal]:
        """The amounts in results."""
        return frozenset(_money(self.results))

    @cached_property
    def amounts(self) -> frozenset[Decimal]:
        """The numbers of the business that are amounts of money."""
        return self.found | frozenset(_money(self.business))

    @cached_property
    def named(self) -> frozenset[Decimal]:
        """Every number that the customer has named."""
        return frozenset(_numbers(self.customer))

    @cached_property
    def shares(self) -> frozenset[Decimal]:
        """The percentages of the business, as parts of one."""
        return frozenset(share for text in (*self.business, *self.results) for _, share in _shares(text))


def names_any(text: str) -> bool:
    """Tell whether a reply names an amount of money, a discount, or a number, an address or a link.

    Args:
        text: the reply as the customer would read it.
    """
    return bool(_DETAIL.search(text)) or bool(_amounts(text)) or any(True for _ in _reductions(text))


def unfounded(text: str, known: Known) -> list[str]:
    """Find the amounts of money, and the discounts, in a reply that nothing supports, as they are written there.

    Args:
        text: the reply as the customer would read it.
        known: what amounts may come from.
    """
    found, reductions = _amounts(text), list(_reductions(text))
    if not found and not reductions:
        return []
    loose = [said for said, share in reductions if share not in known.shares]
    if not all(known.writes(each.text) for each in found):
        sums = _Sums(text, found, known)
        loose += [each.text for each in found if not (_is_known(each, known) or sums.give(each))]
    return loose


def misplaced(text: str, rows: Iterable[str], said: str, elsewhere: Known) -> list[tuple[str, bool]]:
    """Find the amounts that a reply gives for one thing while the rows of the business give them for another.

    `Cabut gigi Rp250.000` where that is what `Tambal gigi` costs. A row is told by the words that few others have; an amount is in its
    place where the words beside it, or else those of the question, share one with a row that holds it, or with no row at all.

    Args:
        text: the reply as the customer would read it.
        rows: lines of passages; of them rows of tables and entries of lists count.
        said: what the customer asks.
        elsewhere: where else amounts may come from; those are not judged.

    Returns:
        Each amount as it is written, and whether the reply itself names the other thing.
    """
    found = [each for each in _amounts(text) if not (_OF_SUM.search(each.context) or each.values & elsewhere.numbers)]
    if not found:
        return []
    labelled = {row: _subject(label) for row in dict.fromkeys(rows) if (label := _label(row))}
    counts = Counter(form for forms in labelled.values() for form in forms)
    telling = {form for form, times in counts.items() if times <= max(1, len(labelled) // 2)}
    times = {*numbers(text), *elsewhere.named, Decimal(2)}
    loose = []
    for amount in found:
        line = next((each for each in text.splitlines() if amount.text in each and len(_amounts(each)) == 1), "")
        parts = (amount.clause, amount.before, line)
        named = next((own for part in parts if (own := _subject(part) & telling)), frozenset())
        meant = named or _subject(said) & telling
        holding = [row for row in labelled if amount.values & _numbers([row])]
        own_rows = [row for row, forms in labelled.items() if meant & forms]
        if not holding or not own_rows or not set(holding).isdisjoint(own_rows):
            continue
        if not any(value / one in times for value in amount.values for one in _money(own_rows)):
            loose.append((amount.text, bool(named)))
    return loose


_CELL: Final = re.compile(r"[^:;\n]{1,40}: (?P<label>[^:;\n]{1,80});")
_ENTRY: Final = re.compile(
    r"(?:[-*•] )?(?P<label>[^\d:;.,\n]{2,60}?)[ :–=-]{1,4}(?:mulai |mulai dari |from |starting at )?"
    r"(?:rp|idr|rm|[$€£])? ?\d[^\s]*(?: [^\d\n]{0,30})?",
    re.IGNORECASE,
)


def _label(row: str) -> str:
    """What a row of a table, or an entry of a list of prices, is about; empty for prose."""
    match = _CELL.match(row) or _ENTRY.fullmatch(row.strip())
    return match["label"] if match and re.search(r"\d{3}", row) else ""


def _subject(text: str) -> frozenset[str]:
    """What a text is about, without its numbers and what is said of any price."""
    about = content(_OF_ANY.sub(" ", _OF_PRICE.sub(" ", text)))
    return frozenset(form for form in forms_of(about) if not any(map(str.isdigit, form)))


_DETAIL = re.compile(
    r"(?:https?://|www\.)[^\s<>()\"']{3,200}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|(?<![\w.,/-])(?:\+\d|0\d)(?:[ -]?\d){7,13}(?![\w-])|(?<![\w.,/-])\d{10,18}(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
_LAST = 8
"""Digits at the end of a phone number that are the same with and without the code of its country."""


def unknown_details(text: str, known: Known) -> list[str]:
    """Find the phone and account numbers, e-mail addresses and links in a reply that are in no source.

    Args:
        text: the reply as the customer would read it.
        known: where they may stand.
    """
    found = [match[0].rstrip(".,;:!?*_/") for match in _DETAIL.finditer(text)]
    if not found:
        return []
    sources = "\n".join((*known.business, *known.results, *known.customer)).casefold()
    digits = re.sub(r"[^\d\n]", "", sources)
    return [each for each in found if not _stands(each.casefold(), sources, digits)]


def _stands(detail: str, sources: str, digits: str) -> bool:
    own = re.sub(r"\D", "", detail)
    return detail in sources or (len(own) >= _LAST and (own if detail[0] in "123456789" else own[-_LAST:]) in digits)


def _is_known(amount: "_Amount", known: Known) -> bool:
    agrees = _AGREES.search(amount.clause) and not _REFUSES.search(amount.clause)
    return bool(amount.values & known.numbers or (amount.values & known.named and not agrees))


class _Sums:
    """What follows from known amounts."""

    def __init__(self, text: str, found: "Sequence[_Amount]", known: Known) -> None:
        counted = numbers(
            _AMOUNT.sub(lambda match: " " if match["sign"] or _SCALED.search(match["body"]) else match[0], text)
        )
        self._times = {n for n in counted | known.named if 0 < n <= _MOST_TIMES} | {Decimal(2)}
        self._shares = known.shares
        self._found = known.found
        self._stated = {
            value for each in found if _is_known(each, known) for value in each.values & (known.numbers | known.named)
        }
        self._products = self._derived(known.amounts | self._stated)

    def give(self, amount: "_Amount") -> bool:
        """Whether one of the readings of an amount follows; if so, others may follow from it."""
        for value in amount.values:
            if _is_near(value, self._products) or self._adds_up(value, amount.context):
                self._stated.add(value)
                self._products |= self._derived({value})
                return True
        return False

    def _derived(self, base: Iterable[Decimal]) -> set[Decimal]:
        found = {one * times for one in base for times in (*self._times, Decimal(1))}
        return found | {one * part for one in found for share in self._shares for part in (share, 1 - share, 1 + share)}

    def _adds_up(self, value: Decimal, clause: str) -> bool:
        """Whether a value is a sum of amounts that the reply states, or, where it is called one, of two that results name."""
        sums = {Decimal(0)}
        for term in sorted(self._stated)[-_MOST_TERMS:]:
            sums |= {one + term for one in sums}
        if _is_near(value, sums) or any(_is_near(value + one, self._stated) for one in self._stated):
            return True
        if _SHARED.search(clause) and any(
            _is_near(value, {one / times for one in self._products}) for times in self._times
        ):
            return True
        terms = self._stated | (self._found if _OF_SUM.search(clause) else set())
        return any(_is_near(value - one, terms) or _is_near(value + one, terms) for one in terms)


def _is_near(value: Decimal, among: Iterable[Decimal]) -> bool:
    return value in among or any(abs(value - one) < _ROUNDED for one in among)


@dataclass(frozen=True, slots=True)
class _Amount:
    """An amount of money: as written, the numbers that it may mean, and the clause in which it stands."""

    text: str
    values: frozenset[Decimal]
    clause: str
    before: str

    @property
    def context(self) -> str:
        return self.before + self.clause


@lru_cache(64)  # several checks look at one reply
def _amounts(text: str) -> tuple[_Amount, ...]:
    """The amounts of money of a text, those in parentheses too."""
    return tuple(_amounts_in(text))


def _amounts_in(text: str) -> Iterator[_Amount]:
    for clause in clauses(plain(_PARENTHESES.sub(" ", text))):
        before = clause.before[-_NEAR:]
        priced = _OF_PRICE.search(before + clause.text) is not None
        for match in _AMOUNT.finditer(clause.text):
            if _is_money(match, clause.text, priced=priced):
                values = frozenset(value for value in _worth(match["body"]) if value > 0)
                if values:
                    yield _Amount(match[0].strip(), values, clause.text, before)
        if priced:
            for run in runs(clause.text.lower()):
                if run.value is not None and run.value >= _MOST_TIMES and not _COUNTS.match(run.following):
                    yield _Amount(" ".join(run.words), frozenset((run.value,)), clause.text, before)


def _is_money(match: re.Match[str], clause: str, *, priced: bool) -> bool:
    if match["sign"] or match["called"]:
        return True
    if _COUNTS.match(clause[match.end() :]):
        return False
    body = match["body"]
    if _SCALED.search(body):
        return priced or not body.lower().endswith("k")
    return priced and _GROUPED.fullmatch(body) is not None


def _worth(body: str) -> set[Decimal]:
    """The numbers that an amount may mean; dots or commas between threes of digits part nothing else in one."""
    return {Decimal(re.sub(r"\D", "", body))} if _GROUPED.fullmatch(body) else numbers(body)


def _numbers(texts: Iterable[str]) -> set[Decimal]:
    found: set[Decimal] = set()
    for text in texts:
        found |= numbers(text)
        for match in _RANGE.finditer(text):
            found.add(Decimal(match[1]) * SCALES[match[2].lower()])
    return found


def _money(texts: Iterable[str]) -> set[Decimal]:
    """The numbers of texts that look like amounts of money, and those that are values of a record."""
    found: set[Decimal] = set()
    for text in texts:
        for match in _AMOUNT.finditer(text):
            body = match["body"]
            if match["sign"] or match["called"] or _SCALED.search(body) or _GROUPED.fullmatch(body):
                found |= _worth(body)
        for value in _VALUE.findall(text):
            found |= numbers(value)
        for run in runs(text.lower()):
            if run.value is not None and run.value > _MOST_TIMES:
                found.add(run.value)
    return found


def _reductions(text: str) -> Iterator[tuple[str, Decimal]]:
    """The discounts that a text promises."""
    for clause in clauses(plain(text)):
        if _REDUCES.search(clause.text) and not clause.asks and not _REFUSES.search(clause.text):
            yield from _shares(clause.text)


def _shares(text: str) -> Iterator[tuple[str, Decimal]]:
    """The percentages of a text: as written, and as parts of one."""
    for match in _PERCENT.finditer(text):
        yield match[0], Decimal(match[1].replace(",", ".")) / 100
