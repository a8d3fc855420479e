"""GPT-2 for playing: it keeps the keys and values of what it has read, so a token costs one row.

It is put together from the notebook's own functions, and so writes what your ``gpt2`` writes, many
times faster.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from seqlab.gpt2_weights import get_encoder, get_params

Function = Callable[..., Any]
NEEDED = (
    "layer_normalization",
    "linear_projection",
    "masked_attention",
    "feed_forward_network",
)


class CachedGPT2:
    """A model that remembers what it has read.

    Attributes:
        ids: the tokens read so far

    Example:
        writer = CachedGPT2(params, n_head=4, n_ctx=256, functions=globals())
        scores = writer.read(encoder.encode("To be"))
        scores = writer.read([int(scores.argmax())])
    """

    def __init__(
        self, params: Mapping[str, Any], n_head: int, n_ctx: int, functions: Mapping[str, Any]
    ):
        """Make a model that has read nothing yet.

        Args:
            params: as ``seqlab.get_params`` returns them
            n_head: number of heads
            n_ctx: how many tokens the model can read
            functions: the notebook's, e.g. ``globals()``

        Raises:
            NameError: one of the functions is not defined yet.
        """
        missing = [name for name in NEEDED if not callable(functions.get(name))]
        if missing:
            raise NameError(f"not defined yet: {', '.join(missing)}; run their cells first")
        self._use: dict[str, Function] = {name: functions[name] for name in NEEDED}
        self._params, self._n_head, self._n_ctx = params, n_head, n_ctx
        d = params["wte"].shape[1] // n_head
        kernels = (len(params["blocks"]), 2, n_head, n_ctx, d)  # keys and values of each block
        self._kept = np.zeros(kernels, dtype=params["wte"].dtype)
        self.ids: list[int] = []

    def read(self, ids: list[int]) -> np.ndarray:
        """Read more tokens and return the scores (n_vocab,) of the next one.

        Raises:
            ValueError: there is nothing to read, or more than the model can take.
        """
        start, stop = len(self.ids), len(self.ids) + len(ids)
        if not ids or stop > self._n_ctx:
            raise ValueError(f"{stop} tokens in all: the model reads 1 to {self._n_ctx}")
        wte, wpe = self._params["wte"], self._params["wpe"]
        x = wte[ids] + wpe[start:stop]  # (m, d)
        for block, kept in zip(self._params["blocks"], self._kept, strict=True):
            x = self._through(block, x, kept[:, :, :stop], start)
        self.ids += ids
        last = self._use["layer_normalization"](x[-1:], **self._params["ln_f"])  # (1, d)
        return np.asarray(wte @ np.asarray(last, dtype=wte.dtype)[0])  # (n_vocab,)

    def _through(
        self, block: Mapping[str, Any], x: np.ndarray, kept: np.ndarray, start: int
    ) -> np.ndarray:
        """Take new rows through a block; its ``kept`` (2, n_head, n, d_head) grows from start."""
        use, attn = self._use, block["attn"]
        rows = use["layer_normalization"](x, **block["ln_1"])  # (m, d)
        rows = np.asarray(use["linear_projection"](rows, **attn["c_attn"]))  # (m, 3 d)
        by_head = rows.reshape(len(x), 3, self._n_head, -1).transpose(1, 2, 0, 3)
        kept[:, :, start:] = by_head[1:]
        future = np.arange(kept.shape[2]) > np.arange(start, kept.shape[2])[:, None]
        mask = np.where(future, x.dtype.type(-1e10), x.dtype.type(0))  # (m, n)
        heads = [
            use["masked_attention"](query, *kept[:, h], mask) for h, query in enumerate(by_head[0])
        ]
        x = x + use["linear_projection"](np.concatenate(heads, axis=1), **attn["c_proj"])
        rows = use["layer_normalization"](x, **block["ln_2"])
        return np.asarray(x + use["feed_forward_network"](rows, block["mlp"]))  # (m, d)


def generate(
    input_text: str,
    n_tokens_to_generate: int = 40,
    model_size: str = "mini",
    *,
    functions: Mapping[str, Any],
    temperature: float = 0.0,
    seed: int | None = None,
) -> Iterator[str]:
    """Yield the continuation of a text, token by token.

    Args:
        input_text: the beginning
        n_tokens_to_generate: how many tokens to add
        model_size: "mini", or one that was fetched
        functions: the notebook's, e.g. ``globals()``
        temperature: 0 takes the token of the highest score, as the document's ``generate`` does
        seed: for what is drawn at higher temperatures

    Raises:
        ValueError: an empty text, or more tokens than the model can read.
        NameError: a function is not defined yet.
    """
    hparams, params = get_params(model_size)
    encoder = get_encoder(model_size)
    ids = encoder.encode_ordinary(input_text)
    if not ids or len(ids) + n_tokens_to_generate > hparams["n_ctx"]:
        raise ValueError(
            f"{len(ids)} tokens of text and {n_tokens_to_generate} new ones: {model_size} reads "
            f"1 to {hparams['n_ctx']} in all"
        )
    writer = CachedGPT2(params, hparams["n_head"], hparams["n_ctx"], functions)
    rng = np.random.default_rng(seed)
    for _ in range(n_tokens_to_generate):
        scores = writer.read(ids)
        ids = [_chosen(scores, temperature, rng)]
        yield encoder.decode(ids)


def _chosen(scores: np.ndarray, temperature: float, rng: np.random.Generator) -> int:
    if temperature == 0:
        return int(np.argmax(scores))
    noise = rng.gumbel(size=scores.shape)  # the largest of these is a draw from the softmax
    return int(np.argmax(scores / temperature + noise))
