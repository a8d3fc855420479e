"""The document's Transformer, trained on the first 90 % of the Shakespeare text.

Four layers of attention and a ReLU network around a residual stream: no layer norm, no bias but
the output's, sinusoidal positions laid out as (sines | cosines). Parameter names are those of the
released checkpoint. Without layer norm the scale of the initial weights does its work: residual
branches start small enough that their sum has the size of one.

Run: ``python -m training.bard [--text PATH]`` (80 minutes on one core that multiplies bfloat16).
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.transformer import expected_shapes
from training import calibrate, paths, record, shakespeare, stopping, store, text_source
from training.lm import Dropout, Settings, causal_attention
from training.precision import fast_products, matrix_type
from training.rounding import keep_bits

N_VOCAB, D_MODEL, D_FF, N_LAYERS, N_HEADS, BLOCK = 1024, 512, 1024, 4, 8, 128
SETTINGS = Settings(block=BLOCK, steps=3200)
BITS = 10  # of mantissa that are kept: an error of 0.05 % of each weight


class Attention(nn.Module):
    """Causal multi-head attention on (batch, n, d_model), heads packed side by side."""

    def __init__(self, dropout: float):
        super().__init__()
        self.wq, self.wk, self.wv, self.wo = (
            nn.Linear(D_MODEL, D_MODEL, bias=False) for _ in range(4)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, n, _ = x.shape
        q, k, v = (
            w(x).view(batch, n, N_HEADS, -1).transpose(1, 2) for w in (self.wq, self.wk, self.wv)
        )
        heads = causal_attention(q, k, v, self.dropout)
        return self.wo(heads.transpose(1, 2).reshape(batch, n, D_MODEL))


class Block(nn.Module):
    """x + attention, then + feed-forward; shapes (batch, n, d_model) throughout."""

    def __init__(self, dropout: float):
        super().__init__()
        self.attention = Attention(dropout / 2)
        self.feed_forward = nn.Sequential(
            nn.Linear(D_MODEL, D_FF, bias=False), nn.ReLU(), nn.Linear(D_FF, D_MODEL, bias=False)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(x))
        hidden = self.dropout(F.relu(self.feed_forward[0](x)))
        return x + self.dropout(self.feed_forward[2](hidden))


class Bard(nn.Module):
    """Ids (batch, n) to logits (batch, n, vocab_size)."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.word_embedding = nn.Embedding(N_VOCAB, D_MODEL)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(N_LAYERS))
        self.fc_out = nn.Linear(D_MODEL, N_VOCAB)
        self.dropout = Dropout(dropout)
        self.inv_freq: Tensor
        self.register_buffer("inv_freq", 10000.0 ** (-torch.arange(0, D_MODEL, 2) / D_MODEL))
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.word_embedding.weight, std=0.1)
        nn.init.normal_(self.fc_out.weight, std=0.02)
        nn.init.zeros_(self.fc_out.bias)
        for name, weight in self.blocks.named_parameters():
            std = weight.shape[1] ** -0.5
            residual = name.endswith(("wo.weight", "feed_forward.2.weight"))
            nn.init.normal_(weight, std=std / math.sqrt(2 * N_LAYERS) if residual else std)

    def positions(self, n: int) -> Tensor:
        """Return (n, d_model): sines in the first half of the columns, cosines in the second."""
        angles = torch.arange(n)[:, None] * self.inv_freq
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.dropout(self.word_embedding(ids) + self.positions(ids.shape[1]))
        with fast_products(self.training):
            if self.training:
                x = x.to(matrix_type())
            for block in self.blocks:
                x = block(x)
            return self.fc_out(self.dropout(x))

    def parameters_by_name(self) -> dict[str, np.ndarray]:
        """Return float32 arrays under the names of the released checkpoint, in its order."""
        state = {
            name.replace("blocks.", "layers.").replace("inv_freq", "position_embedding.inv_freq"): v
            for name, v in self.state_dict().items()
        }
        return {name: state[name].float().numpy() for name in expected_shapes()}

    def load_parameters(self, params: dict[str, np.ndarray]) -> "Bard":
        """Take over weights by those names."""
        self.load_state_dict(
            {
                name.replace("layers.", "blocks.").replace(
                    "position_embedding.", ""
                ): torch.from_numpy(array)
                for name, array in params.items()
            }
        )
        return self


def main(text_path: Path | None = None) -> None:
    """Train, round, calibrate, write, and record the loss at each of these stages."""
    model, facts = shakespeare.train("bard", Bard, SETTINGS, text_path)
    assert isinstance(model, Bard)
    trained = model.parameters_by_name()
    rounded = {
        name: array if name == "position_embedding.inv_freq" else keep_bits(array, BITS)
        for name, array in trained.items()
    }
    train_text, _ = text_source.split(text_source.load(text_path))
    ids = shakespeare.tokens(train_text).numpy()
    blocks = ids[: len(ids) // BLOCK * BLOCK].reshape(-1, BLOCK)[::4]
    final = calibrate.calibrate(rounded, blocks)
    stages = {"trained": trained, "rounded": rounded, "calibrated": final}
    losses = {
        stage: round(shakespeare.loss(Bard().load_parameters(params), BLOCK, text_path), 4)
        for stage, params in stages.items()
    }
    store.write_h5(final, paths.BARD)
    record.write("bard", **facts, nats_per_character=losses, bits_of_mantissa=BITS)
    paths.forget("bard")


if __name__ == "__main__":
    with stopping.stoppable():
        main(paths.text_argument(__doc__))
