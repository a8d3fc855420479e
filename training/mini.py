"""Recipe: a GPT-2 small enough to ship, with the real architecture, our tokenizer, Shakespeare.

Pre-normalised blocks of combined attention and GELU networks, learned positions, the output tied
to the embedding. Parameter names and layouts are Hugging Face's, so ``transformers`` loads it.

``python -m training.mini [--text PATH]`` writes ``config.json`` and ``model.safetensors``.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import Tensor, nn

from training import paths, record, shakespeare, stopping
from training.lm import Dropout, Settings, causal_attention
from training.precision import fast_products, matrix_type
from training.rounding import keep_bits

N_VOCAB, N_CTX, N_EMBD, N_HEAD, N_LAYER = 1024, 256, 256, 4, 4
SETTINGS = Settings(block=N_CTX, batch=32, steps=1300, dropout=0.15, dropout_end=0.05)
BITS = 14  # of mantissa that are kept: git compresses the zeros
CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "attn_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "resid_pdrop": 0.0,
    "bos_token_id": None,
    "eos_token_id": None,
    "layer_norm_epsilon": 1e-05,
    "n_ctx": N_CTX,
    "n_embd": N_EMBD,
    "n_head": N_HEAD,
    "n_layer": N_LAYER,
    "n_positions": N_CTX,
    "tie_word_embeddings": True,
    "vocab_size": N_VOCAB,
}


class Conv1D(nn.Module):
    """A linear map whose weight is (in, out), as in GPT-2's checkpoints."""

    def __init__(self, n_in: int, n_out: int, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * gain * n_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.T, self.bias)


class Attention(nn.Module):
    """Causal multi-head attention on (batch, n, n_embd); queries, keys and values in one map."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn = Conv1D(N_EMBD, 3 * N_EMBD)
        self.c_proj = Conv1D(N_EMBD, N_EMBD, gain=(2 * N_LAYER) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        batch, n, d = x.shape
        q, k, v = (
            part.view(batch, n, N_HEAD, -1).transpose(1, 2) for part in self.c_attn(x).split(d, -1)
        )
        heads = causal_attention(q, k, v)
        return self.c_proj(heads.transpose(1, 2).reshape(batch, n, d))


class FeedForward(nn.Module):
    """Two maps around GELU, four times as wide inside; (batch, n, n_embd) to the same shape."""

    def __init__(self, dropout: float):
        super().__init__()
        self.c_fc = Conv1D(N_EMBD, 4 * N_EMBD)
        self.c_proj = Conv1D(4 * N_EMBD, N_EMBD, gain=(2 * N_LAYER) ** -0.5)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.dropout(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """Attention, then feed-forward, each on a normalised copy of the residual stream."""

    def __init__(self, dropout: float):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(N_EMBD), nn.LayerNorm(N_EMBD)
        self.attn, self.mlp = Attention(), FeedForward(dropout)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attn(self.ln_1(x)))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class Mini(nn.Module):
    """Ids (batch, n) to logits (batch, n, n_vocab)."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(N_VOCAB, N_EMBD), nn.Embedding(N_CTX, N_EMBD)
        nn.init.normal_(self.wte.weight, std=0.03)
        nn.init.normal_(self.wpe.weight, std=0.01)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(N_LAYER))
        self.ln_f = nn.LayerNorm(N_EMBD)
        self.dropout = Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.dropout(self.wte(ids) + self.wpe(torch.arange(ids.shape[1])))
        with fast_products(self.training):
            if self.training:
                x = x.to(matrix_type())
            for block in self.blocks:
                x = block(x)
            return F.linear(self.dropout(self.ln_f(x)), self.wte.weight)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return float32 arrays under Hugging Face's names."""
        return {hub_name(name): v.float().numpy() for name, v in self.state_dict().items()}

    def load_tensors(self, arrays: dict[str, np.ndarray]) -> "Mini":
        """Take over weights by those names."""
        state = {name: torch.from_numpy(arrays[hub_name(name)]) for name in self.state_dict()}
        self.load_state_dict(state)
        return self


def hub_name(name: str) -> str:
    """Return Hugging Face's name of a parameter of ``Mini``."""
    return "transformer." + name.replace("blocks.", "h.")


def main(text_path: Path | None = None) -> None:
    """Train, round, write, and record the loss."""
    model, facts = shakespeare.train("mini", Mini, SETTINGS, text_path)
    assert isinstance(model, Mini)
    arrays = {name: keep_bits(array, BITS) for name, array in model.tensors().items()}
    paths.MINI.mkdir(parents=True, exist_ok=True)
    (paths.MINI / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    save_file(arrays, paths.MINI / "model.safetensors", metadata={"format": "pt"})
    (paths.MINI / "model.safetensors").chmod(0o644)  # the library makes it the writer's alone
    reached = round(shakespeare.loss(Mini().load_tensors(arrays), N_CTX, text_path), 4)
    record.write("mini", **facts, nats_per_character=reached, bits_of_mantissa=BITS)
    paths.forget("mini")


if __name__ == "__main__":
    with stopping.stoppable():
        main(paths.text_argument(__doc__))
