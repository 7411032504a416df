"""Secrets out of everything that is shown, logged, recorded or told to a model.

`secrets_of` finds those of the settings, `Redactor` masks them, and `secret_in` recognises what customers should not have
written: card numbers, passwords and codes.
"""

import base64
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

from settings import Settings

MASK = "•••"
_SHORTEST = 4  # a "secret" of three letters would mask half of every text


def secrets_of(settings: object) -> set[str]:
    """Every secret in a structure of settings."""
    if isinstance(settings, SecretStr):
        return {settings.get_secret_value()}
    if isinstance(settings, Settings):
        named = {secret for name in type(settings).model_fields for secret in secrets_of(getattr(settings, name))}
        return named | _secrets_of_options(getattr(settings, "options", None)) | _secrets_of_url(settings)
    if isinstance(settings, Mapping):
        return {secret for item in settings.values() for secret in secrets_of(item)}
    if isinstance(settings, Sequence) and not isinstance(settings, str | bytes):
        return {secret for item in settings for secret in secrets_of(item)}
    return set()


_OPTION = re.compile(
    r"(?:^|[_-]|(?<=[a-z])(?=[A-Z]))"
    r"(?i:tokens?|secrets?|password|passphrase|pass|pwd|keys?|apikey|credentials?|authorization|auth|cookie|sig|signature)$"
)
_NAMED = re.compile(r"(?i)secret|token|passw|credential|(?:^|[_-])key(?:[_-]|$)")
_RUNS = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")
_TOKEN = 16
"""Characters from which on a part of an address that mixes letters and digits is taken for a token."""


def _secrets_of_options(options: object, name: str = "") -> set[str]:
    """What stands under the name of a secret in the options of an extension, whose settings have no types here."""
    if isinstance(options, Mapping):
        return {secret for key, item in options.items() for secret in _secrets_of_options(item, str(key))}
    if isinstance(options, Sequence) and not isinstance(options, str | bytes):
        return {secret for item in options for secret in _secrets_of_options(item, name)}
    return {options} if isinstance(options, str) and options and _OPTION.search(name) else set()


def _secrets_of_url(settings: Settings) -> set[str]:
    url = getattr(settings, "url", None)
    return secrets_of_address(url) if isinstance(url, str) else set()


def secrets_of_address(url: str) -> set[str]:
    """What of an address is a secret: its password, `?api_key=…`, and what looks like a token in its path or query."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:  # no address
        return set()
    query = parse_qsl(parts.query)
    segments = [unquote(segment) for segment in parts.path.split("/")]
    receiver = re.match(r"(?:web)?hooks?\d*\.", parts.hostname or "") is not None
    found = {value for name, value in query if _OPTION.search(name)}
    found |= {value for value in (*segments, *(value for _, value in query)) if _is_token(value, of_receiver=receiver)}
    return {value for value in (*found, unquote(password or "")) if value and "{" not in value}


def secrets_in_address(url: str, values: Iterable[str]) -> set[str]:
    """Which of the environment's values stand as secrets behind the host of a web address."""
    if not url.startswith(("https://", "http://")):
        return set()
    behind = url.partition("://")[2].partition("/")[2]
    return {
        value
        for value in values
        if len(value) >= 8 and value in behind and (_NAMED.search(value) or any(sign.isdigit() for sign in value))
    }


def _is_token(value: str, *, of_receiver: bool) -> bool:
    """Whether a part of a URL is meant to be unguessable; in URLs of receivers (Slack, Zapier) short parts are, too."""
    if len(value) >= 12 and _NAMED.search(value):
        return True
    runs = _RUNS.findall(value)
    mixed = any(run.isdigit() for run in runs) and len(runs) > 1
    return mixed and ((of_receiver and len(value) >= 6) or (len(value) >= _TOKEN and len(runs) >= 5))


_learned: set[str] = set()
"""Secrets that came up while the process runs, such as access tokens."""


def learn(*secrets: str) -> None:
    """Mask these values too, in every redactor of the process, from now on."""
    _learned.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def _spellings(secret: str) -> set[str]:
    """A secret as it stands in texts: plain, percent-encoded, in JSON, in base64 (as in Basic credentials) and in hex."""
    in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    written = secret.encode("utf-8", "replace")
    encoded = {base64.b64encode(written).decode().rstrip("="), base64.urlsafe_b64encode(written).decode().rstrip("=")}
    long = {form for form in (*encoded, written.hex()) if len(form) >= 8}
    return {secret, quote(secret, safe=""), quote_plus(secret), *in_json, *long}


_ESCAPE = re.compile(
    r"&#0{0,6}(?P<decimal>[0-9]{1,7});|&#x0{0,6}(?P<hex>[0-9a-f]{1,6});|&(?P<named>amp|lt|gt|quot|apos);"
    r"|%(?:25){0,4}(?P<byte>[0-9a-f]{2})|\\{1,8}u(?P<code>[0-9a-f]{4})|\\{1,8}(?P<letter>[^\\])",
    re.IGNORECASE,
)
_NAMED_SIGNS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _unescaped(text: str) -> tuple[bytes, list[int], list[int]]:
    """Read the escapes of HTML, addresses and JSON in a text, percent signs that are escaped again included.

    Returns:
        What the text says, in UTF-8 and lower case; where its pieces begin in that, and where in the text.
    """
    pieces: list[bytes] = []
    inner, outer = [0], [0]
    length = at = 0

    def add(piece: bytes, end: int) -> None:
        nonlocal length
        pieces.append(piece)
        length += len(piece)
        inner.append(length)
        outer.append(end)

    for found in _ESCAPE.finditer(text):
        if found.start() > at:
            add(text[at : found.start()].encode("utf-8", "replace"), found.start())
        kind, value = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "byte":
            piece = bytes([int(value, 16)])
        elif kind in ("decimal", "hex", "code"):
            number = int(value, 10 if kind == "decimal" else 16)
            piece = chr(number).encode("utf-8", "replace") if number < 0x110000 else b"?"
        else:
            piece = _NAMED_SIGNS.get(value.lower(), value).encode("utf-8", "replace")
        add(piece, found.end())
        at = found.end()
    add(text[at:].encode("utf-8", "replace"), len(text))
    return b"".join(pieces).lower(), inner, outer


def _without(text: str, secrets: Sequence[bytes]) -> str:
    """Mask secrets of which letters are escaped; a piece of the text that holds part of one goes with it."""
    said, inner, outer = _unescaped(text)
    spans: list[tuple[int, int]] = []
    for secret in secrets:
        at = said.find(secret)
        while at >= 0:
            first, last = bisect_right(inner, at) - 1, bisect_left(inner, at + len(secret))
            begin = outer[first] + (
                len(said[inner[first] : at].decode("utf-8", "ignore"))
                if first + 1 < len(inner) and _is_plain(inner, outer, first)
                else 0
            )
            end = outer[last] - (
                len(said[at + len(secret) : inner[last]].decode("utf-8", "ignore"))
                if _is_plain(inner, outer, last - 1)
                else 0
            )
            spans.append((begin, end))
            at = said.find(secret, at + len(secret))
    parts: list[str] = []
    at = 0
    for begin, end in sorted(spans):
        if begin >= at:
            parts += (text[at:begin], MASK)
        at = max(at, end)
    return "".join([*parts, text[at:]])


def _is_plain(inner: Sequence[int], outer: Sequence[int], piece: int) -> bool:
    """Whether a piece stands in the text as it is: an escape says one letter in several."""
    return inner[piece + 1] - inner[piece] >= outer[piece + 1] - outer[piece]


class Redactor:
    """Replaces known secrets in texts and structures, and those that are learnt while the process runs.

    A secret is also found in base64 and hex, and with letters escaped as URLs, JSON and HTML have it; one of eight letters or more in
    capitals, too.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)
        self._known = -1
        self._compiled: re.Pattern[str] | None = None
        self._said: Sequence[bytes] = ()

    @property
    def _pattern(self) -> re.Pattern[str] | None:
        if self._known != len(_learned):
            self._known = len(_learned)
            spellings = {form for secret in self._secrets | _learned for form in _spellings(secret)}
            longest_first = sorted(spellings, key=len, reverse=True)
            forms = [f"(?i:{re.escape(form)})" if len(form) >= 8 else re.escape(form) for form in longest_first]
            self._compiled = re.compile("|".join(forms)) if forms else None
            self._said = [
                form
                for one in self._secrets | _learned
                for form in {_unescaped(one)[0], one.lower().encode("utf-8", "replace")}
            ]
        return self._compiled

    def also(self, secrets: Iterable[str]) -> "Redactor":
        """A redactor that knows further secrets."""
        return Redactor(self._secrets.union(secrets))

    def text(self, text: str) -> str:
        pattern = self._pattern
        if pattern is None:
            return text
        text = pattern.sub(MASK, text)
        return _without(text, self._said) if _ESCAPE.search(text) else text

    def __call__(self, value: Any) -> Any:
        """The same structure of mappings, lists and texts without secrets; keys are texts too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(map(self, value))
        return value


_NUMBER = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
_SECRET = re.compile(
    r"\b(?:pass(?:word|code|phrase)|kata ?(?:sandi|laluan)|sandi|m?-?pin|otp|cvv2?|cvc|kode (?:verifikasi|otp|rahasia))(?:nya|ku)?\b"
    r"\W*(?:(?:is|adalah|ialah|saya|ku|ini|my)\W+){0,2}(?=\S*\d)",
    re.IGNORECASE,
)


def secret_in(text: str) -> str | None:
    """What of that a text holds, in words: `a card number`; `None` for none of it."""
    if any(_is_card(re.sub(r"\D", "", match[0])) for match in _NUMBER.finditer(text)):
        return "a card number"
    return "a password or code" if _SECRET.search(text) else None


def _is_card(digits: str) -> bool:
    """13 to 19 digits whose last is right by Luhn's rule (ISO/IEC 7812-1, annex B). A phone number with its plus is none."""
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
