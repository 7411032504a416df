"""Learning: the next token, and beside it the letters (CTC), which is what makes forty minutes enough."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.batches import IGNORED, LETTERS, Batch, Batches
from generator.network import Whisper
from generator.phrases import SEED
from generator.shape import WIDTH
from generator.tokens import build

_WARM_UP = 200  # steps
_SHORT_FIRST = 0.15  # of the schedule


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to learn: `steps`, or else `minutes` of this machine; the learning rate rises to `peak` and falls to nothing."""

    minutes: float
    steps: int | None
    peak: float

    def done(self, step: int, started: float) -> float:
        """The share that is over, 0 to 1."""
        return min(1.0, step / self.steps if self.steps else (time.monotonic() - started) / (60 * self.minutes))

    def rate(self, step: int, done: float) -> float:
        return self.peak * min(1.0, (step + 1) / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5


class Learner(nn.Module):
    """The model and the auxiliary head, which the exported model does not have."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.whisper = Whisper(vocabulary)
        self.letters = nn.Linear(WIDTH, len(LETTERS) + 1)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the tokens, and the CTC loss of the letters, each per piece."""
        weights = torch.from_numpy(batch.weights)[None, None, None]
        memory = self.whisper.encode(torch.from_numpy(batch.mel), torch.from_numpy(batch.positions), weights)
        logits = self.whisper.decode(torch.from_numpy(batch.tokens), memory, weights)
        targets = torch.from_numpy(batch.targets).flatten()
        said = functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=IGNORED, label_smoothing=0.02)
        spelt = functional.ctc_loss(
            self.letters(memory).log_softmax(-1).transpose(0, 1),
            torch.from_numpy(batch.letters),
            torch.from_numpy(batch.lengths),
            torch.from_numpy(batch.letter_counts),
            blank=len(LETTERS),
            reduction="sum",
            zero_infinity=True,
        )
        return said, spelt / max(1, len(batch.letters))


def train(work: Path, schedule: Schedule, first: Path | None) -> None:
    """Learn from the clips in `work` and leave `weights.pt` there, now and then on the way too."""
    torch.set_num_threads(1)  # on a busy machine two threads wait for each other
    torch.manual_seed(SEED)
    vocabulary = build(work)
    learner = Learner(len(vocabulary.every))
    if first is not None:
        learner.load_state_dict(torch.load(first))
    batches = Batches(work, vocabulary)
    dice = np.random.default_rng(SEED + 2 + (first is not None))
    optimizer = torch.optim.AdamW(learner.parameters(), lr=schedule.peak, betas=(0.9, 0.98), weight_decay=0.01)
    started, step, done = time.monotonic(), 0, 0.0
    learner.train()
    while done < 1:
        short = first is None and done < _SHORT_FIRST
        for batch in batches.epoch(dice, short=short):
            done = schedule.done(step, started)
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step, done)
            said, spelt = learner.losses(batch)
            optimizer.zero_grad()
            (said + 0.5 * spelt).backward()
            nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % 100 == 0:
                print(f"step {step} ({done:.0%}): tokens {said.item():.3f}, letters {spelt.item():.3f}", flush=True)
                torch.save(learner.state_dict(), work / "weights.pt")
            if done >= 1 or (short and done >= _SHORT_FIRST):
                break
    torch.save(learner.state_dict(), work / "weights.pt")
