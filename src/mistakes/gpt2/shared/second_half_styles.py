"""Answers for gelu to gpt2 as they are written elsewhere, right and wrong.

``KINDS`` are right ones unlike all others: a release tries them, too. Only
``course mutation gpt2 --held-back`` runs the rest.
"""

from mistakes.entries import HeldBack, Right

_GELU = ("b-1-1-test", "b-1-1-test-range")
_NORM = ("b-1-2-test", "b-1-2-test-rows")
_FFN = ("b-2-1-test", "b-2-1-test-bias")
_BLOCK = ("b-2-2-test", "b-2-2-test-parts", "b-2-2-test-causal")
_GPT2 = ("b-2-3-test", "b-2-3-test-blocks", "b-2-3-test-causal")

KINDS: dict[str, tuple[Right, ...]] = {
    "layer_normalization": (
        Right(
            "factor and offset",
            "one factor and one offset for each entry, as batch normalization is folded",
            """\
def layer_normalization(x, g, b):
    mean, var = x.mean(axis=-1)[..., None], x.var(axis=-1)[..., None]
    inv = g * (var + 1e-5) ** -0.5
    return x * inv + (b - mean * inv)
""",
        ),
    ),
}

RIGHTS: dict[str, tuple[Right, ...]] = {
    "gelu": (
        Right(
            "math and np.power",
            "the constants by the module math",
            """\
import math


def gelu(x):
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * np.power(x, 3.0))
    return 0.5 * x * (1.0 + np.tanh(inner))
""",
        ),
        Right(
            "numbers, factored",
            "the root as a number, x taken out of the bracket",
            """\
def gelu(x):
    cdf = 0.5 * (1 + np.tanh(x * 0.7978845608028654 * (1 + 0.044715 * x * x)))
    return x * cdf
""",
        ),
        Right(
            "lambda",
            "two lambdas",
            """\
_u = lambda x: np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
gelu = lambda x: np.multiply(x / 2, np.add(1, np.tanh(_u(x))))
""",
        ),
    ),
    "layer_normalization": (
        Right(
            "mean of squares",
            "the variance as the mean of squares less the square of the mean",
            """\
def layer_normalization(x, g, b):
    mean = x.mean(-1, keepdims=True)
    variance = (x**2).mean(-1, keepdims=True) - mean**2
    return g * (x - mean) / np.sqrt(np.maximum(variance, 0) + 1e-5) + b
""",
        ),
        Right(
            "standard deviation squared",
            "np.std, squared again",
            """\
def layer_normalization(x, g, b, eps=1e-5):
    mu, sigma = np.mean(x, 1), np.std(x, 1)
    z = ((x.T - mu) / np.sqrt(sigma**2 + eps)).T
    return np.multiply(z, g) + b
""",
        ),
    ),
    "feed_forward_network": (
        Right(
            "two lambdas",
            "a dense layer and the network as lambdas",
            """\
_dense = lambda x, layer: linear_projection(x, layer["w"], layer["b"])
feed_forward_network = lambda x, mlp: _dense(gelu(_dense(x, mlp["c_fc"])), mlp["c_proj"])
""",
        ),
        Right(
            "position by position",
            "a list of rows where the biases are rows, all at once where they are columns",
            """\
def feed_forward_network(x, mlp):
    up, down = mlp["c_fc"], mlp["c_proj"]
    rows = []
    for i in range(x.shape[0]):
        b_up = up["b"][i] if np.ndim(up["b"]) == 2 else up["b"]
        b_down = down["b"][i] if np.ndim(down["b"]) == 2 else down["b"]
        h = gelu((x[i] @ up["w"] + b_up)[None, :])
        rows.append(h[0] @ down["w"] + b_down)
    return np.array(rows)
""",
        ),
        Right(
            "layers in a list",
            "layers and activations as pairs, in a loop",
            """\
def feed_forward_network(x, mlp):
    layers = [(mlp["c_fc"], gelu), (mlp["c_proj"], lambda z: z)]
    for layer, activation in layers:
        x = activation(linear_projection(x, layer["w"], layer["b"]))
    return x
""",
        ),
    ),
    "transformer_block": (
        Right(
            "**",
            "two lines with the parameters by **",
            """\
def transformer_block(x, block, number_of_heads):
    mlp, attn, ln_1, ln_2 = block["mlp"], block["attn"], block["ln_1"], block["ln_2"]
    x = x + multi_head_attention(layer_normalization(x, **ln_1), attn, number_of_heads)
    return x + feed_forward_network(layer_normalization(x, **ln_2), mlp)
""",
        ),
        Right(
            "skip and out",
            "the stream kept under a name of its own, one step a line",
            """\
def transformer_block(x, block, number_of_heads):
    shortcut = x
    out = layer_normalization(x, block["ln_1"]["g"], block["ln_1"]["b"])
    out = multi_head_attention(out, block["attn"], number_of_heads)
    out = np.add(out, shortcut)
    shortcut = out
    out = layer_normalization(out, block["ln_2"]["g"], block["ln_2"]["b"])
    out = feed_forward_network(out, block["mlp"])
    out = np.add(out, shortcut)
    return out
""",
        ),
        Right(
            "residual decorator",
            "a higher-order function that adds what goes in",
            """\
def residual(layer):
    return lambda x: x + layer(x)


def transformer_block(x, block, number_of_heads):
    norm = lambda x, ln: layer_normalization(x, ln["g"], ln["b"])
    listen = lambda x: multi_head_attention(norm(x, block["ln_1"]), block["attn"], number_of_heads)
    think = lambda x: feed_forward_network(norm(x, block["ln_2"]), block["mlp"])
    return residual(think)(residual(listen)(x))
""",
        ),
    ),
    "gpt2": (
        Right(
            "**",
            "as short as it gets",
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[range(len(inputs))]
    for block in blocks:
        x = transformer_block(x, block, number_of_heads=number_of_heads)
    return layer_normalization(x, **ln_f) @ wte.T
""",
        ),
        Right(
            "take and slice",
            "np.take and a slice of the positions, logits by einsum",
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    idx = np.asarray(inputs)
    h = np.take(wte, idx, axis=0) + wpe[: idx.shape[0]]
    for i in range(len(blocks)):
        h = transformer_block(h, blocks[i], number_of_heads)
    h = layer_normalization(h, ln_f["g"], ln_f["b"])
    return np.einsum("nd,vd->nv", h, wte)
""",
        ),
        Right(
            "reduce",
            "functools.reduce",
            """\
from functools import reduce


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    g_final, b_final = ln_f["g"], ln_f["b"]
    x = np.stack([wte[t] + wpe[p] for p, t in enumerate(inputs)])
    x = reduce(lambda x, block: transformer_block(x, block, number_of_heads), blocks, x)
    x = layer_normalization(x, g_final, b_final)
    return np.matmul(x, np.transpose(wte))
""",
        ),
    ),
}

WRONG: dict[str, tuple[HeldBack, ...]] = {
    "gelu": (
        HeldBack(
            "the root with four digits",
            ("gelu-short-root",),
            """\
def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.7979 * (x + 0.044715 * x**3)))
""",
            fails=_GELU,
        ),
        HeldBack(
            "SiLU",
            ("gelu-silu",),
            """\
def gelu(x):
    with np.errstate(over="ignore"):
        return x / (1 + np.exp(-x))
""",
            fails=_GELU,
        ),
        HeldBack(
            "x in one of the terms",
            ("gelu-x-in-one-term",),
            """\
def gelu(x):
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    return 0.5 * (x + np.tanh(u))
""",
            fails=_GELU,
        ),
        HeldBack(
            "the root of two, by pi",
            ("gelu-root-of-two",),
            """\
import math


def gelu(x):
    c = math.sqrt(2) / math.pi
    return x * 0.5 * (1.0 + np.tanh(c * x + c * 0.044715 * x * x * x))
""",
            fails=_GELU,
        ),
    ),
    "layer_normalization": (
        HeldBack(
            "g and b by the row",
            ("ln-parameters-by-row",),
            """\
def layer_normalization(x, g, b):
    out = np.zeros(x.shape)
    for i, row in enumerate(x):
        out[i] = g[i] * (row - row.mean()) / np.sqrt(row.var() + 1e-5) + b[i]
    return out
""",
            fails=_NORM,
        ),
        HeldBack(
            "torch's standard deviation",
            ("ln-ddof",),
            """\
def layer_normalization(x, g, b):
    mean = x.mean(-1, keepdims=True)
    std = x.std(-1, keepdims=True, ddof=1)
    return g * (x - mean) / np.sqrt(std**2 + 1e-5) + b
""",
            fails=_NORM,
        ),
        HeldBack(
            "Keras' epsilon",
            ("ln-eps-large",),
            """\
def layer_normalization(x, g, b, epsilon=1e-3):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    normalized = (x - mean) / np.sqrt(variance + epsilon)
    return normalized * g + b
""",
            fails=_NORM,
        ),
        HeldBack(
            "only the last row",
            ("ln-last-row",),
            """\
def layer_normalization(x, g, b):
    for row in x:
        y = g * (row - np.mean(row)) / np.sqrt(np.var(row) + 1e-5) + b
    return y
""",
            fails=_NORM,
        ),
    ),
    "feed_forward_network": (
        HeldBack(
            "gelu of the input to each layer",
            (
                "ffn-gelu-first",
                "ffn-gelu-input-too",
            ),
            """\
def feed_forward_network(x, mlp):
    for layer in (mlp["c_fc"], mlp["c_proj"]):
        x = linear_projection(gelu(x), layer["w"], layer["b"])
    return x
""",
            fails=_FFN,
        ),
        HeldBack(
            "biases after the products",
            ("ffn-bias-after-gelu",),
            """\
def feed_forward_network(x, mlp):
    a = gelu(np.dot(x, mlp["c_fc"]["w"]))
    a = a + mlp["c_fc"]["b"]
    return np.dot(a, mlp["c_proj"]["w"]) + mlp["c_proj"]["b"]
""",
            fails=_FFN,
        ),
        HeldBack(
            "normalized in between",
            (),
            """\
def feed_forward_network(x, mlp):
    h = gelu(linear_projection(x, **mlp["c_fc"]))
    h = (h - h.mean(-1, keepdims=True)) / (h.std(-1, keepdims=True) + 1e-5)
    return linear_projection(h, **mlp["c_proj"])
""",
            fails=_FFN,
        ),
    ),
    "transformer_block": (
        HeldBack(
            "+= on the argument",
            ("block-in-place",),
            """\
def transformer_block(x, block, number_of_heads):
    normal = layer_normalization(x, **block["ln_1"])
    x += multi_head_attention(normal, block["attn"], number_of_heads)
    normal = layer_normalization(x, **block["ln_2"])
    x += feed_forward_network(normal, block["mlp"])
    return x
""",
            fails=("b-2-2-test-causal",),
        ),
        HeldBack(
            "the first Transformer's order",
            ("block-post-norm",),
            """\
def transformer_block(x, block, number_of_heads):
    ln_1, ln_2 = block["ln_1"], block["ln_2"]
    out1 = multi_head_attention(x, block["attn"], number_of_heads)
    out1 = layer_normalization(x + out1, ln_1["g"], ln_1["b"])
    out2 = feed_forward_network(out1, block["mlp"])
    return layer_normalization(out1 + out2, ln_2["g"], ln_2["b"])
""",
            fails=_BLOCK,
        ),
        HeldBack(
            "attends twice, and never thinks",
            (
                "block-no-ffn",
                "block-attention-twice",
                "block-attention-instead",
            ),
            """\
def transformer_block(x, block, number_of_heads):
    for ln in ("ln_1", "ln_2"):
        normal = layer_normalization(x, block[ln]["g"], block[ln]["b"])
        x = x + multi_head_attention(normal, block["attn"], number_of_heads)
    return x
""",
            fails=_BLOCK,
        ),
        HeldBack(
            "out of the normal copy",
            ("block-adds-normalized",),
            """\
def transformer_block(x, block, number_of_heads):
    a = layer_normalization(x, **block["ln_1"])
    a = a + multi_head_attention(a, block["attn"], number_of_heads)
    m = layer_normalization(a, **block["ln_2"])
    return m + feed_forward_network(m, block["mlp"])
""",
            fails=_BLOCK,
        ),
    ),
    "gpt2": (
        HeldBack(
            "normalized in each block's place",
            ("gpt2-norm-in-loop", "gpt2-norm-after-each-block"),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[: len(inputs)]
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
        x = layer_normalization(x, **ln_f)
    return x @ wte.T
""",
            fails=_GPT2,
        ),
        HeldBack(
            "tokens only",
            ("gpt2-no-positions",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    h = np.array([wte[i] for i in inputs])
    for block in blocks:
        h = transformer_block(h, block, number_of_heads)
    return layer_normalization(h, ln_f["g"], ln_f["b"]) @ wte.T
""",
            fails=_GPT2,
        ),
        HeldBack(
            "probabilities, by the last layer",
            ("gpt2-softmax",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[np.arange(len(inputs))]
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
    logits = layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
    return softmax(logits)
""",
            fails=_GPT2,
        ),
        HeldBack(
            "positions scaled down",
            (),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[: len(inputs)] / np.sqrt(wte.shape[1])
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
            fails=_GPT2,
        ),
    ),
}
