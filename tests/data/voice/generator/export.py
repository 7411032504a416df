"""The trained weights as a CTranslate2 Whisper, without any other framework's checkpoint in between."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import whisper_spec

from generator.shape import AUDIO_POSITIONS, DECODER_LAYERS, ENCODER_LAYERS, HEADS, MELS, TEXT_POSITIONS, WIDTH
from generator.speech import RATE
from generator.tokens import Vocabulary, build

Weights = Mapping[str, npt.NDArray[np.float32]]


def export_trained(work: Path, out: Path) -> None:
    import torch

    learnt = torch.load(work / "weights.pt")
    weights = {
        name.removeprefix("whisper."): value.numpy() for name, value in learnt.items() if name.startswith("whisper.")
    }
    export(weights, build(work), work, out)


def export(weights: Weights, vocabulary: Vocabulary, work: Path, out: Path) -> None:
    """Write the model to the folder `out`; the tokenizer's files are those in `work`."""
    specification = whisper_spec.WhisperSpec(ENCODER_LAYERS, HEADS, DECODER_LAYERS, HEADS)
    encoder, decoder = specification.encoder, specification.decoder
    _linear(encoder.conv1, weights, "conv1")
    _linear(encoder.conv2, weights, "conv2")
    encoder.position_encodings.encodings = weights["audio_positions"]
    decoder.position_encodings.encodings = weights["text_positions"]
    _norm(encoder.layer_norm, weights, "encoder_norm")
    _norm(decoder.layer_norm, weights, "decoder_norm")
    for number, layer in enumerate(encoder.layer):
        _own_attention(layer.self_attention, weights, f"encoder.{number}")
        _feed_forward(layer.ffn, weights, f"encoder.{number}")
    for number, layer in enumerate(decoder.layer):
        _own_attention(layer.self_attention, weights, f"decoder.{number}")
        _cross_attention(layer.attention, weights, f"decoder.{number}")
        _feed_forward(layer.ffn, weights, f"decoder.{number}")
    decoder.embeddings.weight = decoder.projection.weight = weights["embedding.weight"]

    specification.register_vocabulary(vocabulary.every)
    config = specification.config
    config.suppress_ids = []
    config.suppress_ids_begin = [
        vocabulary.tokenizer.token_to_id("\u0120"),
        vocabulary.number("endoftext"),
    ]  # no empty answer
    config.lang_ids = [vocabulary.number("en"), vocabulary.number("id")]  # only these are told apart
    config.alignment_heads = [[DECODER_LAYERS - 1, head] for head in range(HEADS)]
    specification.validate()
    specification.optimize("int8_float16")
    out.mkdir(parents=True, exist_ok=True)
    specification.save(str(out))
    for name in ("vocabulary.json", "tokenizer.json"):
        shutil.copyfile(work / name, out / name)
    features = {"chunk_length": 30, "feature_size": MELS, "hop_length": 160, "n_fft": 400, "sampling_rate": RATE}
    (out / "preprocessor_config.json").write_text(json.dumps(features) + "\n")


def shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Every weight that `export` reads, and its shape."""
    found: dict[str, tuple[int, ...]] = {
        "conv1.weight": (WIDTH, MELS, 3),
        "conv1.bias": (WIDTH,),
        "conv2.weight": (WIDTH, WIDTH, 3),
        "conv2.bias": (WIDTH,),
        "audio_positions": (AUDIO_POSITIONS, WIDTH),
        "text_positions": (TEXT_POSITIONS, WIDTH),
        "embedding.weight": (vocabulary, WIDTH),
    }
    norms = ["encoder_norm", "decoder_norm"]
    for stack, layers, attentions in (
        ("encoder", ENCODER_LAYERS, {"norm": "attention"}),
        ("decoder", DECODER_LAYERS, {"norm": "attention", "cross_norm": "cross"}),
    ):
        for name in (f"{stack}.{number}" for number in range(layers)):
            norms += [f"{name}.{norm}" for norm in (*attentions, "feed_norm")]
            for attention in attentions.values():
                for part in ("query", "key", "value", "out"):
                    found[f"{name}.{attention}.{part}.weight"] = (WIDTH, WIDTH)
                    if part != "key":
                        found[f"{name}.{attention}.{part}.bias"] = (WIDTH,)
            found |= {f"{name}.wide.weight": (4 * WIDTH, WIDTH), f"{name}.wide.bias": (4 * WIDTH,)}
            found |= {f"{name}.narrow.weight": (WIDTH, 4 * WIDTH), f"{name}.narrow.bias": (WIDTH,)}
    for norm in norms:
        found |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    return found


def _linear(layer: Any, weights: Weights, name: str) -> None:
    layer.weight, layer.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _norm(layer: Any, weights: Weights, name: str) -> None:
    layer.gamma, layer.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _fused(layer: Any, weights: Weights, name: str, parts: tuple[str, ...]) -> None:
    """Several projections as one; Whisper's key has no bias, so its part is zero."""
    zero = np.zeros(WIDTH, np.float32)
    layer.weight = np.concatenate([weights[f"{name}.{part}.weight"] for part in parts])
    layer.bias = np.concatenate([weights.get(f"{name}.{part}.bias", zero) for part in parts])


def _own_attention(layer: Any, weights: Weights, name: str) -> None:
    _fused(layer.linear[0], weights, f"{name}.attention", ("query", "key", "value"))
    _linear(layer.linear[1], weights, f"{name}.attention.out")
    _norm(layer.layer_norm, weights, f"{name}.norm")


def _cross_attention(layer: Any, weights: Weights, name: str) -> None:
    _linear(layer.linear[0], weights, f"{name}.cross.query")
    _fused(layer.linear[1], weights, f"{name}.cross", ("key", "value"))
    _linear(layer.linear[2], weights, f"{name}.cross.out")
    _norm(layer.layer_norm, weights, f"{name}.cross_norm")


def _feed_forward(layer: Any, weights: Weights, name: str) -> None:
    _linear(layer.linear_0, weights, f"{name}.wide")
    _linear(layer.linear_1, weights, f"{name}.narrow")
    _norm(layer.layer_norm, weights, f"{name}.feed_norm")
