"""The real GPT-2 goes on from the document's beginnings as the document says.

Needs the weights of 124M, 500 MB, which are not in the repository: ``python -m seqlab fetch 124M``.
"""

import numpy as np
import pytest

import seqlab
from benchmarks import gpt2_speed
from seqlab import cached_gpt2

NERVOUS = (
    "I'm a little bit nervous. I'm not sure if I'm going to be able to do this, but I'm going to "
    "be able to do it. I'm going to be"
)
WEATHER = " ".join(["The weather is pretty good today."] * 4 + ["The weather is pretty good today"])
STORY = "about a guy" + " who was a good friend of mine" * 5 + " who was"
PROMPTS = {
    "Hello! How are you?": NERVOUS,
    "What is the weather like tomorrow?": WEATHER,
    "Tell me a story": STORY,
}


def the_real_one():
    try:
        return seqlab.get_params("124M")
    except seqlab.DataError:
        return None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        the_real_one() is None,
        reason="the weights of GPT-2 124M are not on this machine: python -m seqlab fetch 124M",
    ),
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_fast_path_writes_the_documents_text(prompt):
    text = "".join(cached_gpt2.generate(prompt, 40, "124M", functions=gpt2_speed.solution()))
    assert " ".join(text.split()) == PROMPTS[prompt]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_solution_writes_the_documents_text(prompt):
    hparams, params = the_real_one()
    encoder = seqlab.get_encoder("124M")
    ids = encoder.encode_ordinary(prompt)
    new = gpt2_speed.uncached(gpt2_speed.solution(), params, hparams["n_head"], ids, 40)
    assert " ".join(encoder.decode(new).split()) == PROMPTS[prompt]
    assert np.asarray(new).shape == (40,)
