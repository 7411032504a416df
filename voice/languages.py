"""Choose the language of a note: one of those the agent speaks, never any of Whisper's hundred."""

from collections.abc import Iterable, Sequence

# Whisper's languages (ISO 639-1, but jw for Javanese and haw for Hawaiian).
WHISPER = frozenset(
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it "
    "ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn "
    "so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh".split()
)

# The names that OpenAI's endpoint answers with, for the languages of our customers and their neighbours.
_NAMES = {
    "indonesian": "id", "malay": "ms", "javanese": "jw", "sundanese": "su", "english": "en", "chinese": "zh",
    "cantonese": "yue", "tamil": "ta", "hindi": "hi", "arabic": "ar", "thai": "th", "vietnamese": "vi", "tagalog": "tl",
    "japanese": "ja", "korean": "ko", "dutch": "nl", "french": "fr", "german": "de", "spanish": "es", "portuguese": "pt",
}  # fmt: skip

# On short notes Whisper takes Indonesian for its neighbours, and a wrong guess makes it translate:
# https://github.com/ggml-org/whisper.cpp/pull/3822 and https://github.com/SYSTRAN/faster-whisper/issues/869
_CLEARLY = 3
NEIGHBOURS = {"ms": "id", "jw": "id", "su": "id", "id": "ms"}


def choose(probabilities: Iterable[tuple[str, float]], languages: Sequence[str]) -> tuple[str, float]:
    """Choose the likeliest of `languages`; the probability of a neighbouring language counts for it.

    Of two neighbours among `languages` the later one must be three times as likely as the earlier.

    Args:
        probabilities: pairs of Whisper's language code and probability, 0 to 1.
        languages: the codes to choose among, the preferred first; empty allows any.

    Returns:
        The code and its share of the probability of `languages`, 0 to 1. When none of them is among the probabilities:
        the first, with 0.
    """
    heard = list(probabilities)
    if not languages:
        return max(heard, key=lambda pair: pair[1])
    scores = dict.fromkeys(languages, 0.0)
    for language, probability in heard:
        target = language if language in scores else NEIGHBOURS.get(language)
        if target in scores:
            scores[target] += probability
    total = sum(scores.values())
    # neighbours take votes from each other: together they are one language of those that are far apart
    both = {language: scores[language] + scores.get(NEIGHBOURS.get(language, ""), 0.0) for language in languages}
    best = max(languages, key=lambda language: (both[language], scores[language]))
    neighbour = NEIGHBOURS.get(best)
    if neighbour in scores and languages.index(neighbour) < languages.index(best):
        best = best if scores[best] >= _CLEARLY * scores[neighbour] else neighbour
    return best, scores[best] / total if total else 0.0


def spoken_by(language: str) -> tuple[str, ...]:
    """List the languages that an agent's customers may speak, by its `language`: that one first, which only decides in doubt.

    `auto` → `("id", "en", "ms")`; `"ms-MY"` → `("ms", "id", "en")`.
    """
    return known([*([] if language == "auto" else [language]), "id", "en", "ms"])


def known(languages: Iterable[str]) -> tuple[str, ...]:
    """Keep the languages that Whisper knows, by Whisper's codes, in order and once each: `["jv", "id-ID"]` → `("jw", "id")`."""
    codes = (language.lower().replace("_", "-").split("-")[0] for language in languages)
    return tuple(dict.fromkeys(code for code in ("jw" if code == "jv" else code for code in codes) if code in WHISPER))


def by_name(name: str) -> str | None:
    """Find Whisper's code for a server's name of a language: `"Indonesian"`, `"id"` → `"id"`; `None` for an unknown one."""
    found = known([_NAMES.get(name.lower(), name)])
    return found[0] if found else None
