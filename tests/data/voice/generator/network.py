"""Whisper in PyTorch. The names of its weights are those that `export` reads."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.shape import AUDIO_POSITIONS, DECODER_LAYERS, ENCODER_LAYERS, HEADS, MELS, TEXT_POSITIONS, WIDTH


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor, memory: Tensor, weights: Tensor | None = None, *, causal: bool = False) -> Tensor:
        def heads(y: Tensor) -> Tensor:
            return y.view(y.shape[0], y.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)

        query, key, value = heads(self.query(x)), heads(self.key(memory)), heads(self.value(memory))
        y = functional.scaled_dot_product_attention(query, key, value, attn_mask=weights, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, *, listens: bool) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(WIDTH), Attention()
        if listens:
            self.cross_norm, self.cross = nn.LayerNorm(WIDTH), Attention()
        self.feed_norm = nn.LayerNorm(WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.drop = nn.Dropout(0.05)

    def encode(self, x: Tensor, weights: Tensor) -> Tensor:
        y = self.norm(x)
        return self._feed(x + self.drop(self.attention(y, y, weights)))

    def decode(self, x: Tensor, memory: Tensor, weights: Tensor) -> Tensor:
        y = self.norm(x)
        x = x + self.drop(self.attention(y, y, causal=True))
        return self._feed(x + self.drop(self.cross(self.cross_norm(x), memory, weights)))

    def _feed(self, x: Tensor) -> Tensor:
        return x + self.drop(self.narrow(functional.gelu(self.wide(self.feed_norm(x)))))


class Whisper(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.register_buffer("audio_positions", _sinusoids(AUDIO_POSITIONS))
        self.register_buffer("text_positions", _sinusoids(TEXT_POSITIONS) * 0.2)
        self.encoder = nn.ModuleList(Block(listens=False) for _ in range(ENCODER_LAYERS))
        self.decoder = nn.ModuleList(Block(listens=True) for _ in range(DECODER_LAYERS))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def encode(self, mel: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
        """`mel` (clip, band, frame); `positions` of the window that are there; `weights` added to attention logits."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)[:, : len(positions)]
        x = x + self.audio_positions[positions]
        for block in self.encoder:
            x = block.encode(x, weights)
        return self.encoder_norm(x)

    def decode(self, tokens: Tensor, memory: Tensor, weights: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.text_positions[: tokens.shape[1]]
        for block in self.decoder:
            x = block.decode(x, memory, weights)
        return self.decoder_norm(x) @ self.embedding.weight.T


def _sinusoids(length: int) -> Tensor:
    rates = torch.exp(-math.log(10_000) / (WIDTH // 2 - 1) * torch.arange(WIDTH // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)
