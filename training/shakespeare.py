"""What the two recipes for Transformers share: the text, its tokens, and the run itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import seqlab
from seqlab.tokenizer import SPLIT_PATTERN, read_ranks
from training import lm, paths, text_source
from training.segment import Segmenter


def tokens(text: str) -> torch.Tensor:
    """Return the ids (n,) of a text."""
    return torch.tensor(seqlab.load_tokenizer().encode(text))


def train(
    name: str, make: Callable[[float], nn.Module], s: lm.Settings, text_path: Path | None
) -> tuple[nn.Module, dict[str, Any]]:
    """Train ``make(dropout)`` on the first 90 % and return it with the facts of the run.

    The checkpoint stays; ``paths.forget`` removes it once the model is written.
    """
    train_text, valid_text = text_source.split(text_source.load(text_path))
    torch.manual_seed(s.seed)
    rng = np.random.default_rng(s.seed)
    ranks = read_ranks(paths.TOKENIZER)
    segmenter = Segmenter(train_text, ranks, SPLIT_PATTERN, s.bpe_dropout, rng)
    run = lm.Run(make(s.dropout), segmenter, valid_text, seqlab.load_tokenizer().encode, s)
    model = run.fit(paths.checkpoint(name, train_text, paths.TOKENIZER.read_text(), vars(s)))
    facts = {
        "seconds": round(run.seconds),
        "settings": vars(s),
        "curve": run.curve,
        "n_train": len(train_text),
        "n_valid": len(valid_text),
        "threads": torch.get_num_threads(),
    }
    return model.eval(), facts


def loss(model: nn.Module, block: int, text_path: Path | None) -> float:
    """Return the nats per character on the last 10 % of the text, in blocks that share nothing."""
    _, valid = text_source.split(text_source.load(text_path))
    return lm.nats_per_character(model, tokens(valid), len(valid), block)
