"""Recipe: the tokenizer of problem 2, 1024 tokens. It takes about a second.

``python -m training.encoding [--text PATH]`` writes ``bpe1024.tiktoken``. Trained on the whole
text, it is the document's tokenizer to the last rank; tests compare a fingerprint.
"""

import base64
import time
from pathlib import Path

from seqlab.tokenizer import SPLIT_PATTERN
from training import bpe, paths, record, stopping, text_source

N_VOCAB = 1024


def main(text_path: Path | None = None) -> None:
    """Train, write the ranks in tiktoken's text format, and record how it went."""
    text = text_source.load(text_path)
    since = time.monotonic()
    ranks = bpe.train(text, N_VOCAB, SPLIT_PATTERN)
    seconds = round(time.monotonic() - since, 1)
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()]
    paths.TOKENIZER.parent.mkdir(parents=True, exist_ok=True)
    paths.TOKENIZER.write_text("".join(lines))
    record.write("tokenizer", seconds=seconds, n_vocab=N_VOCAB, n_characters=len(text))


if __name__ == "__main__":
    with stopping.stoppable():
        main(paths.text_argument(__doc__))
