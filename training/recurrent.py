"""The two character models of problem 1, trained on a novel that is much too short for them.

The text is cut into parallel streams; each stretch of it starts from the hidden state that the
one before left, so that the models learn to use a past longer than a stretch. Against learning
by heart: dropout of hidden units, of recurrent weights (Merity, Keskar & Socher 2018) and of
input characters, and the moving average of the weights as the result. The candidate's recurrent
bias of the GRU does not exist, so that the sum of Keras' two biases is exact.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from training.lm import Dropout, averaging
from training.precision import matrix_type
from training.scan import GRUScan, TanhScan

Kind = Literal["RNN", "GRU"]
SAVE_SECONDS = 20


@dataclass(frozen=True)
class Settings:
    """How to train; stretches in characters, rates as shares."""

    kind: Kind
    passes: int  # over the text
    batch: int = 64  # streams
    stretch: int = 128
    lr: float = 4e-3
    warmup: int = 50  # steps
    decay_from: float = 0.0  # share of the passes after which the rate falls to zero
    dropout: float = 0.0  # of hidden units, before the dense layer
    weight_dropout: float = 0.0  # of recurrent weights
    input_dropout: float = 0.0  # of characters
    weight_decay: float = 0.0
    ema: float = 0.99
    seed: int = 0


RNN = Settings("RNN", passes=150, stretch=64, input_dropout=0.04, lr=1e-2)
GRU = Settings("GRU", passes=90, dropout=0.25, weight_dropout=0.25, input_dropout=0.05, lr=8e-3)


class Model(torch.nn.Module):
    """Ids (n_steps, batch) to logits (n_steps, batch, n_vocab), with a state to carry on."""

    def __init__(self, n_vocab: int, s: Settings):
        super().__init__()
        self.drop = Dropout(s.dropout)
        self.drop_weights = Dropout(s.weight_dropout)
        self.input_dropout = s.input_dropout
        self.n_gates = 3 if s.kind == "GRU" else 1
        self.widths = (512,) if s.kind == "GRU" else (128, 64)
        sizes = [n_vocab, *self.widths]
        for i, (n, m) in enumerate(zip(sizes, self.widths, strict=False)):
            kernel = torch.randn(n, self.n_gates * m) * (0.3 if i == 0 else n**-0.5)
            square = [torch.nn.init.orthogonal_(torch.empty(m, m)) for _ in range(self.n_gates)]
            gain = 0.7 if self.n_gates == 3 else 1.0
            bias = torch.zeros(self.n_gates * m)
            if self.n_gates == 3:
                bias[:m] = 1.0  # the update gate starts by keeping what there is
            self.register_parameter(f"kernel{i}", torch.nn.Parameter(kernel))
            recurrent = torch.cat(square, 1) * gain
            self.register_parameter(f"recurrent{i}", torch.nn.Parameter(recurrent))
            self.register_parameter(f"bias{i}", torch.nn.Parameter(bias))
        self.dense = torch.nn.Linear(self.widths[-1], n_vocab)

    def start(self, batch: int) -> list[Tensor]:
        """Return the state before the first character: zeros (batch, width) a layer."""
        return [torch.zeros(batch, width) for width in self.widths]

    def forward(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x = F.embedding(ids, self.get_parameter("kernel0"))
        if self.training and self.input_dropout:
            x = x * (torch.rand(*ids.shape, 1) >= self.input_dropout)
        left = []
        for i, h in enumerate(state):
            if i > 0:
                x = x @ getattr(self, f"kernel{i}")
            x = x + getattr(self, f"bias{i}")
            recurrent = self.drop_weights(getattr(self, f"recurrent{i}"))
            if self.n_gates == 3:
                x = GRUScan.apply(x, h, recurrent.to(matrix_type()) if self.training else recurrent)
            else:
                x = TanhScan.apply(x, h, recurrent)
            left.append(x[-1].detach())
        return self.dense(self.drop(x)), left

    def keras_weights(self) -> list[np.ndarray]:
        """Return the weights in Keras' order; a GRU's bias is (2, 3 width), the second row zero."""
        weights = []
        for i in range(len(self.widths)):
            for name in ("kernel", "recurrent", "bias"):
                weight = getattr(self, f"{name}{i}").detach().numpy()
                gru_bias = name == "bias" and self.n_gates == 3
                weights.append(np.stack([weight, 0 * weight]) if gru_bias else weight)
        return [*weights, self.dense.weight.detach().numpy().T, self.dense.bias.detach().numpy()]


@torch.no_grad()
def perplexity(model: Model, text: Tensor, n_warm: int = 0) -> float:
    """Return exp(mean loss) over ``text[n_warm:]``, the model having read what is before."""
    was_training = model.training
    model.eval()
    logits, _ = model(text[:-1, None], model.start(1))
    skip = max(n_warm - 1, 0)
    loss = F.cross_entropy(logits[skip:, 0], text[skip + 1 :])
    model.train(was_training)
    return math.exp(loss.item())


class Run:
    """A training run that can be stopped at any moment and started again after the last pass."""

    def __init__(self, train: Tensor, valid: Tensor, n_vocab: int, s: Settings):
        # A step is too small to share: beside other work, threads that wait for each other made a
        # pass of the RNN 150 times slower, one of the GRU 10 times.
        torch.set_num_threads(1)
        torch.manual_seed(s.seed)
        Dropout.rng = np.random.Generator(np.random.SFC64(s.seed))
        self.train, self.valid, self.s = train, valid, s
        self.model = Model(n_vocab, s)
        self.average = AveragedModel(self.model, multi_avg_fn=averaging(s.ema))
        parameters = list(self.model.parameters())
        groups: list[dict[str, Any]] = [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=s.lr,
            betas=(0.9, 0.99),
            weight_decay=s.weight_decay,
            fused=True,
        )
        self.passes, self.step, self.seconds = 0, 0, 0.0
        self.curve: list[dict[str, float]] = []

    @property
    def averaged(self) -> Model:
        """The model with the moving average of the weights."""
        return cast(Model, self.average.module)

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs to go on as if it had never stopped."""
        return {
            "settings": asdict(self.s),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "passes": self.passes,
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "torch": torch.get_rng_state(),
            "dropout": Dropout.rng.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state that ``state`` returned."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.passes, self.step = state["passes"], state["step"]
        self.seconds, self.curve = state["seconds"], state["curve"]
        torch.set_rng_state(state["torch"])
        Dropout.rng.bit_generator.state = state["dropout"]

    def stretches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets (n_steps, batch), streams cut at another place in each pass."""
        batch, stretch = self.s.batch, self.s.stretch
        shift = int(torch.randint(len(self.train), (1,)))
        n = len(self.train) // batch
        streams = self.train.roll(-shift)[: n * batch].view(batch, n).T
        for i in range(0, n - 2, stretch):
            j = min(i + stretch, n - 1)
            yield streams[i:j], streams[i + 1 : j + 1]

    def rate(self, done: float) -> float:
        """Return the learning rate after the share ``done`` of all passes."""
        left = (1 - done) / (1 - self.s.decay_from)
        return self.s.lr * min(1.0, left, (self.step + 1) / self.s.warmup)

    def one_pass(self) -> float:
        """Read the text once; return the mean loss in nats per character, dropout included."""
        h = self.model.start(self.s.batch)
        pairs = list(self.stretches())
        total = 0.0
        for k, (x, y) in enumerate(pairs):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate((self.passes + k / len(pairs)) / self.s.passes)
            logits, h = self.model(x, h)
            loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.average.update_parameters(self.model)
            self.step += 1
            total += loss.item() / len(pairs)
        self.passes += 1
        return total

    def fit(self, checkpoint: Path, after_pass: Callable[[], None] = lambda: None) -> Model:
        """Train to the end, from ``checkpoint`` if it exists, and return the averaged model."""
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=False)
            if state["settings"] != asdict(self.s):
                raise SystemExit(f"{checkpoint} is of another recipe; delete it to start afresh")
            self.restore(state)
        with tqdm(total=self.s.passes, initial=self.passes, desc=self.s.kind, unit="pass") as bar:
            since = saved = time.monotonic()
            while self.passes < self.s.passes:
                loss = self.one_pass()
                bar.update()
                if self.passes % 5 == 0 or self.passes == self.s.passes:
                    self.curve.append(
                        {
                            "pass": self.passes,
                            "train": round(math.exp(loss), 4),
                            "valid": round(perplexity(self.averaged, self.valid), 4),
                        }
                    )
                    bar.set_postfix(self.curve[-1])
                self.seconds += time.monotonic() - since
                since = time.monotonic()
                if since - saved > SAVE_SECONDS or self.passes == self.s.passes:
                    part = checkpoint.with_suffix(".part")
                    torch.save(self.state(), part)
                    part.replace(checkpoint)
                    saved = since
                after_pass()
        return self.averaged.eval()
