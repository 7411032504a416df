"""The vocabulary: byte-level BPE over what is said, then Whisper's special tokens in Whisper's order."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from generator.phrases import PHRASES, SEED, text

# In the order of Whisper's own vocabulary.
LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te fa "
    "lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn "
    "mt sa lb my bo tl mg as tt haw ln ha ba jw su"
).split()
TASKS = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
STEP = 0.02  # seconds between two time stamps


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`every` token by its number; `number` of a special one by its name without the brackets."""

    tokenizer: Tokenizer
    every: list[str]

    def number(self, name: str) -> int:
        return self.every.index(f"<|{name}|>")

    def time(self, seconds: float) -> int:
        """The token of a time, to a tenth of a second."""
        return self.number("0.00") + 5 * round(seconds * 10)

    def words(self, said: str) -> list[int]:
        numbers: list[int] = self.tokenizer.encode(f" {said}").ids
        return numbers

    def write(self, folder: Path, specification: dict[str, object]) -> None:
        (folder / "tokenizer.json").write_text(json.dumps(specification, ensure_ascii=False))
        (folder / "vocabulary.json").write_text(json.dumps(self.every, ensure_ascii=False))


def build(folder: Path) -> Vocabulary:
    """The vocabulary, written to `folder` as `tokenizer.json` and `vocabulary.json`; the same every time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = _corpus()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, min_frequency=2, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(corpus, trainer)

    specification = json.loads(tokenizer.to_str())
    numbers = specification["model"]["vocab"]
    special = [f"<|{name}|>" for name in ["endoftext", "startoftranscript", *LANGUAGES, *TASKS]]
    # The empty token just before <|endoftext|> is how CTranslate2 (4.7 and later) knows a multilingual model.
    every = [*sorted(numbers, key=lambda token: int(numbers[token])), "", *special]
    for token in special:
        numbers[token] = every.index(token)
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        specification["added_tokens"].append({"id": numbers[token], "content": token, **flags, "special": True})
    every += [f"<|{step * STEP:.2f}|>" for step in range(1501)]
    vocabulary = Vocabulary(tokenizer, every)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.write(folder, specification)
    trained = Tokenizer.from_file(str(folder / "tokenizer.json"))
    _check(trained, corpus)
    return Vocabulary(trained, every)


def _corpus() -> list[str]:
    dice = np.random.default_rng(SEED + 1)
    lines = [f" {phrase}" for phrase in PHRASES["id"] + PHRASES["en"]] * 4
    for language in ("id", "en"):
        for kind in ("digits", "order"):
            lines += [f" {text(dice, language, kind)}" for _ in range(500)]
    return lines


def _check(tokenizer: Tokenizer, corpus: list[str]) -> None:
    """faster-whisper suppresses the tokens of symbols, a bare space among them: none may be needed to write a word."""
    from faster_whisper.tokenizer import Tokenizer as Suppressing

    banned = set(Suppressing(tokenizer, True, "transcribe", "id").non_speech_tokens)
    spoilt = [line for line in corpus if banned & set(tokenizer.encode(line).ids)]
    if spoilt:
        raise ValueError(f"these lines need a suppressed token: {spoilt[:5]}")
