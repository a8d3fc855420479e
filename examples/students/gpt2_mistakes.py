"""Students with mistakes that are often made. Each mistake is an edit of the plain solutions."""

from examples.students import edited
from examples.students import gpt2_plain as plain

# Forgets what keeps numbers small: no maximum in softmax, no 1/sqrt(d), layer normalization down
# the columns instead of along the rows.
SCALE = plain.CODE | {
    "a-1-1-solution": edited(plain.SOFTMAX, ("x - largest", "x")),
    "a-1-2-solution": edited(plain.ATTENTION, (" / np.sqrt(d_k)", "")),
    "a-1-3-solution": edited(plain.MASKED, (" / np.sqrt(d_k)", "")),
    "b-1-2-solution": plain.NORM.replace("axis=1", "axis=0"),
}

# Writes for the printed examples: biases are columns, the mask comes after softmax; and takes the
# exact Gelu instead of the approximation.
COLUMNS = plain.CODE | {
    "a-1-3-solution": edited(
        plain.MASKED,
        ("    scores = scores + mask\n", ""),
        ("softmax(scores)", "softmax(scores) * (mask == 0)"),
    ),
    "a-2-1-solution": edited(plain.LINEAR, ("+ b", "+ np.reshape(b, (-1, 1))")),
    "b-1-1-solution": """\
from math import erf


def gelu(x):
    phi = 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    return x * phi
""",
}

# Loses the thread: always two heads, adds the normalized copy instead of x, and hands the same x
# to every block.
THREAD = plain.CODE | {
    "a-2-2-solution": edited(
        plain.MULTI_HEAD, ("    d = x.shape[1]\n", "    d = x.shape[1]\n    number_of_heads = 2\n")
    ),
    "b-2-2-solution": edited(
        plain.BLOCK,
        (
            "    a = multi_head_attention(a, attn, number_of_heads)\n    x = x + a\n",
            "    x = a + multi_head_attention(a, attn, number_of_heads)\n",
        ),
    ),
    "b-2-3-solution": edited(
        plain.GPT2,
        ("        x = transformer_block(", "        y = transformer_block("),
        ("layer_normalization(x, g", "layer_normalization(y, g"),
    ),
}

# In a hurry: softmax changes its argument, the feed forward network has no Gelu, and the last
# normalization is missing.
HURRY = plain.CODE | {
    "a-1-1-solution": edited(
        plain.SOFTMAX,
        ("    e = np.exp(x - largest)\n", "    x -= largest\n    e = np.exp(x)\n"),
    ),
    "b-2-1-solution": edited(plain.FEED_FORWARD, ("    x = gelu(x)\n", "")),
    "b-2-3-solution": edited(
        plain.GPT2, ("    x = layer_normalization(x, g_final, b_final)\n", "")
    ),
}

# A bracket is missing in the feed forward network.
SYNTAX = plain.CODE | {
    "b-2-1-solution": edited(
        plain.FEED_FORWARD, ("linear_projection(x, w_2, b_2)", "linear_projection(x, w_2, b_2")
    ),
}

# An assertion from debugging is still there: only 1, 2 and 4 heads were thought of.
RAISES = plain.CODE | {
    "a-2-2-solution": edited(
        plain.MULTI_HEAD,
        (
            "    d = x.shape[1]\n",
            '    assert number_of_heads in (1, 2, 4), "how many heads?"\n    d = x.shape[1]\n',
        ),
    ),
}

# Prints what it does, everywhere.
PRINTS = plain.CODE | {
    "a-1-1-solution": edited(
        plain.SOFTMAX,
        ("    return e", '    print("softmax of", x.shape, "sums", total[:2])\n    return e'),
    ),
    "a-2-2-solution": edited(
        plain.MULTI_HEAD,
        ("    merged", '    print("heads:", *[head.shape for head in heads])\n    merged'),
    ),
    "b-2-2-solution": edited(
        plain.BLOCK, ("    return x", '    print("block done, mean", np.mean(x))\n    return x')
    ),
}

# A name with accents in a comment, and a source in which lines end as on Windows.
WINDOWS = plain.CODE | {
    "a-1-1-solution": "# Zoë Łukasiewicz-Nuñez, 王小明 — exercício 1.1 ✓\n" + plain.SOFTMAX,
    "b-1-1-solution": plain.GELU.replace("\n", "\r\n"),
}
