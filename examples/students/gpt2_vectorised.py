"""A student who thinks in whole arrays: einsum, and all heads in one array of three axes."""

CODE = {
    "a-1-1-solution": '''\
def softmax(x):
    """Along the last axis, however many there are before it."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
''',
    "a-1-2-solution": """\
def mix(q, k, v, extra):
    # (n, d) as well as (heads, n, d)
    fits = np.einsum("...id,...jd->...ij", q, k) * k.shape[-1] ** -0.5 + extra
    return np.einsum("...ij,...jd->...id", softmax(fits), v)


def attention(q, k, v):
    return mix(q, k, v, 0)
""",
    "a-1-3-solution": """\
def masked_attention(q, k, v, mask):
    return mix(q, k, v, mask)
""",
    "a-2-1-solution": """\
def linear_projection(x, w, b):
    return np.einsum("ni,io->no", x, w, optimize=True) + b
""",
    "a-2-2-solution": """\
def multi_head_attention(x, attn, number_of_heads):
    n = len(x)
    mask = np.triu(np.full((n, n), -1e10, dtype=x.dtype), k=1)
    qkv = linear_projection(x, **attn["c_attn"]).reshape(n, 3, number_of_heads, -1)
    q, k, v = qkv.transpose(1, 2, 0, 3)  # (heads, n, d / heads) each
    mixed = masked_attention(q, k, v, mask)
    return linear_projection(mixed.transpose(1, 0, 2).reshape(n, -1), **attn["c_proj"])
""",
    "b-1-1-solution": """\
def gelu(x):
    return x * (1 + np.tanh((2 / np.pi) ** 0.5 * x * (1 + 0.044715 * np.square(x)))) / 2
""",
    "b-1-2-solution": """\
def layer_normalization(x, g, b):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + 1e-5) * g + b
""",
    "b-2-1-solution": """\
def feed_forward_network(x, mlp):
    return linear_projection(gelu(linear_projection(x, **mlp["c_fc"])), **mlp["c_proj"])
""",
    "b-2-2-solution": """\
def transformer_block(x, block, number_of_heads):
    x = x + multi_head_attention(
        layer_normalization(x, **block["ln_1"]), block["attn"], number_of_heads
    )
    return x + feed_forward_network(layer_normalization(x, **block["ln_2"]), block["mlp"])
""",
    "b-2-3-solution": """\
from functools import reduce


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = reduce(
        lambda stream, block: transformer_block(stream, block, number_of_heads),
        blocks,
        wte[inputs] + wpe[: len(inputs)],
    )
    return np.einsum("nd,vd->nv", layer_normalization(x, **ln_f), wte, optimize=True)
""",
}
