"""Train a small language model on a small text without learning it by heart.

One loop for both Transformers: Muon on the hidden matrices and AdamW on the rest, dropout, many
segmentations of the text (``segment.py``), a moving average of the weights as the result. A run
saves its whole state every few minutes and goes on from there when started again.

This module does not know any architecture: a model maps ids (batch, n) to logits
(batch, n, n_vocab), keeps its hidden matrices under ``blocks`` and draws masks with ``Dropout``.
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from training.segment import Segmenter


@dataclass(frozen=True)
class Settings:
    """How to train; figures in tokens and steps."""

    block: int  # tokens of context
    batch: int = 64  # blocks a step
    steps: int = 3000
    warmup: int = 100
    decay_from: float = 0.3  # share of the steps after which rate and noise fall
    lr: float = 4e-3  # Muon's, matched to AdamW's scale, and AdamW's
    weight_decay: float = 0.1
    dropout: float = 0.25
    dropout_end: float = 0.1  # what it falls to, in a straight line (annealed dropout)
    bpe_dropout: float = 0.1
    bpe_share_end: float = 0.3  # words still segmented at random at the end; all until the decay
    ema: float = 0.998
    seed: int = 0


class Dropout(nn.Module):
    """``nn.Dropout`` with cheap randomness: one byte an element, so rates are multiples of 1/256.

    On a processor the stock mask generator takes longer than the matrix products around it.
    """

    rng = np.random.Generator(np.random.SFC64(0))  # shared, so that one state resumes a run

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate
        self.anneal(1.0)

    def anneal(self, share: float) -> None:
        """Set the rate to a share of the initial one."""
        self.threshold = round(self.rate * share * 256)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.threshold:
            return x
        noise = bytearray(Dropout.rng.bytes(x.numel()))
        keep = torch.frombuffer(noise, dtype=torch.uint8).view(x.shape) >= self.threshold
        return x * (keep.to(x.dtype) * (256 / (256 - self.threshold)))


def causal_attention(q: Tensor, k: Tensor, v: Tensor, dropout: Dropout | None = None) -> Tensor:
    """Attend to the past; q, k, v and the result are (batch, n_heads, n, head_dim)."""
    n = q.shape[-2]
    mask = torch.full((n, n), -torch.inf, dtype=q.dtype).triu(1)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + mask  # (batch, n_heads, n, n)
    weights = scores.softmax(-1, dtype=torch.float32).to(v.dtype)
    return (dropout(weights) if dropout else weights) @ v


def learning_rate(step: int, s: Settings) -> float:
    """Return the share of the full rate: it rises linearly, stays, and falls linearly."""
    left = (s.steps - step) / (s.steps * (1 - s.decay_from))
    return min(1.0, (step + 1) / s.warmup, max(left, 0.0))


def averaging(decay: float) -> Any:
    """Return the moving average for ``AveragedModel``, short at first to forget the start."""

    def update(averaged: list[Tensor], current: list[Tensor], n_averaged: Tensor) -> None:
        n = int(n_averaged)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

    return update


def nats_per_character(model: nn.Module, tokens: Tensor, n_characters: int, block: int) -> float:
    """Return the mean loss over ``tokens`` cut into blocks that share no context.

    Every token but the first is predicted exactly once, from at most ``block`` before it.
    """
    model.eval()
    ends = range(0, len(tokens) - 1, block)
    full = [i for i in ends if i + block < len(tokens)]
    parts = [
        torch.stack([tokens[i : i + block + 1] for i in full[j : j + 64]])
        for j in range(0, len(full), 64)
    ]
    if rest := (len(tokens) - 1) % block:
        parts.append(tokens[-rest - 1 :][None])
    total = 0.0
    with torch.no_grad():
        for part in parts:
            logits = model(part[:, :-1]).float()
            total += F.cross_entropy(
                logits.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"
            ).item()
    model.train()
    return total / n_characters


class Run:
    """A training run that can be stopped at any moment and started again."""

    def __init__(
        self, model: nn.Module, segmenter: Segmenter, valid: str, encode: Any, s: Settings
    ):
        self.model, self.segmenter, self.s = model, segmenter, s
        self.valid = torch.tensor(encode(valid))
        self.n_characters = len(valid)
        self.average = AveragedModel(model, multi_avg_fn=averaging(s.ema))
        hidden = [p for n, p in model.named_parameters() if "blocks" in n and p.ndim == 2]
        ids = {id(p) for p in hidden}
        rest = [p for p in model.parameters() if id(p) not in ids]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in rest if p.ndim > 1]},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizers = [
            torch.optim.Muon(
                hidden, lr=s.lr, weight_decay=s.weight_decay, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(
                groups,
                lr=s.lr,
                betas=(0.9, 0.98),
                weight_decay=s.weight_decay,
                fused=True,
            ),
        ]
        self.step, self.seconds = 0, 0.0
        self.curve: list[dict[str, float]] = []
        self.rng = np.random.default_rng(s.seed)
        Dropout.rng = np.random.Generator(np.random.SFC64(s.seed))

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs to end as an uninterrupted one."""
        return {
            "settings": asdict(self.s),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "rng": self.rng.bit_generator.state,
            "dropout": Dropout.rng.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state that ``state`` returned."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.rng.bit_generator.state = state["rng"]
        Dropout.rng.bit_generator.state = state["dropout"]

    def batches(self) -> Any:
        """Yield the inputs and targets (batch, block) of one pass over the text."""
        done = self.step / self.s.steps
        falling = max(0.0, (done - self.s.decay_from) / (1 - self.s.decay_from))
        share = 1 - falling * (1 - self.s.bpe_share_end)
        for module in self.model.modules():
            if isinstance(module, Dropout):
                module.anneal(1 - falling * (1 - self.s.dropout_end / self.s.dropout))
        tokens = torch.from_numpy(self.segmenter.draw(self.rng, share))
        start = int(self.rng.integers(self.s.block))
        starts = np.arange(start, len(tokens) - self.s.block, self.s.block)
        self.rng.shuffle(starts)
        for i in range(0, len(starts) - self.s.batch + 1, self.s.batch):
            at = torch.from_numpy(starts[i : i + self.s.batch])[:, None]
            window = tokens[at + torch.arange(self.s.block + 1)]
            yield window[:, :-1], window[:, 1:]

    def update(self, x: Tensor, y: Tensor) -> float:
        """Take one step; return the loss in nats per token."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.s.lr * learning_rate(self.step, self.s)
        loss = F.cross_entropy(self.model(x).float().flatten(0, 1), y.flatten())
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update_parameters(self.model)
        self.step += 1
        return loss.item()

    def measure(self) -> float:
        """Return the averaged model's loss on the held-out text, in nats per character."""
        return nats_per_character(self.average, self.valid, self.n_characters, self.s.block)

    def fit(self, checkpoint: Path) -> nn.Module:
        """Train to the end, from ``checkpoint`` if it exists, and return the averaged model."""
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=False)
            if state["settings"] != asdict(self.s):
                raise SystemExit(f"{checkpoint} is of another recipe; delete it to start afresh")
            self.restore(state)
        with tqdm(
            total=self.s.steps, initial=self.step, desc=checkpoint.stem.split("-")[0], unit="step"
        ) as bar:
            since, losses = time.monotonic(), []
            while self.step < self.s.steps:
                for x, y in self.batches():
                    losses.append(self.update(x, y))
                    bar.update()
                    if self.step >= self.s.steps:
                        break
                # between two passes, so that a resumed run draws what an uninterrupted one would
                valid = self.measure()
                self.seconds += time.monotonic() - since
                since = time.monotonic()
                train = math.fsum(losses) / len(losses)
                losses = []
                self.curve.append(
                    {
                        "step": self.step,
                        "train_per_token": round(train, 4),
                        "valid_per_character": round(valid, 4),
                    }
                )
                bar.set_postfix(train=f"{train:.3f}", valid=f"{valid:.4f}")
                part = checkpoint.with_suffix(".part")
                torch.save(self.state(), part)
                part.replace(checkpoint)
        return self.average.module
