"""Right answers for multi_head_attention, and wrong ones that only measure diagnosis.

The mistakes are in ``mistakes.gpt2.a_2_2_multi_head_attention``, which would be twice as long as
any other module of the catalogue with these in it.
"""

from mistakes.entries import HeldBack, Right

RIGHTS: tuple[Right, ...] = (
    Right(
        "einsum",
        "all heads at once, by einsum",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    n = len(x)
    q, k, v = (x @ w_1 + b_1).reshape(n, 3, number_of_heads, -1).swapaxes(0, 1)
    scores = np.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5 + mask
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = powers / powers.sum(axis=-1, keepdims=True)
    x = np.einsum("hij,jhd->ihd", shares, v).reshape(n, -1) @ w_2 + b_2
    return x
""",
    ),
    Right(
        "stacked heads",
        "reshaped and transposed, with matmul over the heads",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    parts = np.split(linear_projection(x, w_1, b_1), 3, axis=-1)
    split = [
        part.reshape(len(x), number_of_heads, part.shape[1] // number_of_heads)
        .transpose(1, 0, 2) for part in parts
    ]
    heads = np.stack([masked_attention(*head, mask) for head in zip(*split)])
    merged = heads.transpose(1, 0, 2).reshape(len(x), -1)
    return linear_projection(merged, w_2, b_2)
""",
    ),
    Right(
        "summed heads",
        "each head through its own rows of w_2, and the sum of all",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    pieces = np.split(linear_projection(x, w_1, b_1), 3 * number_of_heads, axis=1)
    total = np.zeros((len(x), w_2.shape[1])) + b_2
    for h, rows in enumerate(np.split(w_2, number_of_heads)):
        q, k, v = pieces[h::number_of_heads]
        total = total + masked_attention(q, k, v, mask) @ rows
    return total
""",
    ),
    Right(
        "filled",
        "an empty array filled head by head",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    d = x.shape[1]
    both = linear_projection(x, w_1, b_1)
    merged = np.empty((x.shape[0], d))
    step = int(d / number_of_heads)
    for start in range(0, d, step):
        q = both[:, start : start + step]
        k = both[:, d + start : d + start + step]
        v = both[:, 2 * d + start : 2 * d + start + step]
        merged[:, start : start + step] = masked_attention(q, k, v, mask)
    x = linear_projection(merged, w_2, b_2)
    return x
""",
    ),
    Right(
        "position by position",
        "no mask: each query sees the slice up to its own place",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]

    q, k, v = np.split(linear_projection(x, w_1, b_1), 3, axis=1)
    rows = []
    for i in range(len(q)):
        row = []
        for a, b, c in zip(*(np.split(p[: i + 1], number_of_heads, axis=1) for p in (q, k, v))):
            row.extend(attention(a[-1:], b, c)[0])
        rows.append(row)
    return linear_projection(np.array(rows), w_2, b_2)
""",
    ),
    Right(
        "float32",
        "in single precision throughout",
        """\
def multi_head_attention(x, attn, number_of_heads):
    x = np.asarray(x, dtype=np.float32)
    w_1, b_1 = (np.float32(attn["c_attn"][name]) for name in "wb")
    w_2, b_2 = (np.float32(attn["c_proj"][name]) for name in "wb")
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * np.float32(-1e10)

    q, k, v = np.hsplit(np.float32(linear_projection(x, w_1, b_1)), 3)
    heads = []
    for a, b, c in zip(*(np.hsplit(part, number_of_heads) for part in (q, k, v))):
        heads.append(np.float32(masked_attention(a, b, c, mask)))
    return linear_projection(np.concatenate(heads, axis=1), w_2, b_2)
""",
    ),
    Right(
        "recursive",
        "the first head, then the others by recursion",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    def side_by_side(q, k, v, heads):
        if heads == 0:
            return np.zeros((len(x), 0))
        cut = q.shape[1] // heads
        first = masked_attention(q[:, :cut], k[:, :cut], v[:, :cut], mask)
        return np.hstack([first, side_by_side(q[:, cut:], k[:, cut:], v[:, cut:], heads - 1)])

    d = w_1.shape[1] // 3
    p = linear_projection(x, w_1, b_1)
    merged = side_by_side(p[:, :d], p[:, d : 2 * d], p[:, 2 * d :], number_of_heads)
    return linear_projection(merged, w_2, b_2)
""",
    ),
    Right(
        "three projections",
        "the weights are split, not the result",
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10

    biases = np.broadcast_to(b_1, (len(x), w_1.shape[1]))
    pieces = [
        linear_projection(x, w, b)
        for w, b in zip(
            np.array_split(w_1, 3 * number_of_heads, axis=1),
            np.array_split(biases, 3 * number_of_heads, axis=1),
        )
    ]
    heads = [
        masked_attention(pieces[h], pieces[number_of_heads + h], pieces[-number_of_heads + h], mask)
        for h in range(number_of_heads)
    ]
    return linear_projection(np.column_stack(heads), w_2, b_2)
""",
    ),
)

HELD_BACK: tuple[HeldBack, ...] = (
    HeldBack(
        "all columns at once",
        ("mha-one-head",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    n, d = x.shape
    both = np.matmul(x, attn["c_attn"]["w"]) + attn["c_attn"]["b"]
    scores = both[:, :d] @ both[:, d : 2 * d].T / np.sqrt(d)
    scores[np.triu_indices(n, 1)] = -np.inf
    return softmax(scores) @ both[:, 2 * d :] @ attn["c_proj"]["w"] + attn["c_proj"]["b"]
""",
    ),
    HeldBack(
        "reshaped with the heads last",
        ("mha-heads-interleaved",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    mask = (1 - np.tri(len(x))) * -1e10
    q, k, v = np.split(linear_projection(x, w_1, b_1), 3, axis=1)
    q, k, v = (part.reshape(len(x), -1, number_of_heads) for part in (q, k, v))
    heads = [
        masked_attention(q[:, :, h], k[:, :, h], v[:, :, h], mask) for h in range(number_of_heads)
    ]
    return linear_projection(np.hstack(heads), attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
    ),
    HeldBack(
        "the future by slices",
        ("mha-mask-one-late",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    q, k, v = np.hsplit(linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"]), 3)
    rows = []
    for i in range(len(x)):
        pieces = [np.hsplit(p, number_of_heads) for p in (q[i : i + 1], k[: i + 2], v[: i + 2])]
        rows.append(np.hstack([attention(*piece) for piece in zip(*pieces)]))
    return linear_projection(np.vstack(rows), attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
    ),
    HeldBack(
        "no mask, all heads at once",
        ("mha-no-mask",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    q, k, v = qkv.reshape(len(x), 3, number_of_heads, -1).transpose(1, 2, 0, 3)
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])
    powers = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = powers / powers.sum(axis=2, keepdims=True) @ v
    merged = mixed.transpose(1, 0, 2).reshape(len(x), -1)
    return linear_projection(merged, attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
    ),
    HeldBack(
        "heads flattened",
        ("mha-merged-by-reshape",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    mask = (1 - np.tri(len(x))) * -1e10
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    pieces = np.split(qkv, 3 * number_of_heads, axis=1)
    flat = np.concatenate(
        [masked_attention(*pieces[h::number_of_heads], mask) for h in range(number_of_heads)]
    ).ravel()
    merged = flat.reshape(x.shape)
    return linear_projection(merged, attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
    ),
    HeldBack(
        "one long loop over heads, bias inside",
        ("mha-bias-by-head",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    mask = (1 - np.tri(len(x))) * -1e10
    qkv = x @ attn["c_attn"]["w"] + attn["c_attn"]["b"]
    pieces = np.hsplit(qkv, 3 * number_of_heads)
    w_2 = attn["c_proj"]["w"].reshape(number_of_heads, -1, attn["c_proj"]["w"].shape[1])
    out = 0
    for h in range(number_of_heads):
        mixed = masked_attention(*pieces[h::number_of_heads], mask)
        out = out + mixed @ w_2[h] + attn["c_proj"]["b"]
    return out
""",
    ),
    HeldBack(
        "projected away",
        ("mha-no-output-bias",),
        """\
def multi_head_attention(x, attn, number_of_heads):
    mask = (1 - np.tri(len(x))) * -1e10
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    parts = (np.split(part, number_of_heads, axis=1) for part in np.split(qkv, 3, axis=1))
    merged = np.concatenate([masked_attention(*head, mask) for head in zip(*parts)], axis=1)
    return np.einsum("nd,de->ne", merged, attn["c_proj"]["w"])
""",
    ),
    HeldBack(
        "keys of the next head",
        (),
        """\
def multi_head_attention(x, attn, number_of_heads):
    mask = (1 - np.tri(len(x))) * -1e10
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    q, k, v = (np.split(part, number_of_heads, axis=1) for part in np.split(qkv, 3, axis=1))
    heads = [masked_attention(q[h], k[h - 1], v[h], mask) for h in range(number_of_heads)]
    return linear_projection(np.hstack(heads), attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
    ),
    HeldBack(
        "projected twice",
        (),
        """\
def multi_head_attention(x, attn, number_of_heads):
    mask = (1 - np.tri(len(x))) * -1e10
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    parts = (np.split(part, number_of_heads, axis=1) for part in np.split(qkv, 3, axis=1))
    merged = np.hstack([masked_attention(*head, mask) for head in zip(*parts)])
    return linear_projection(merged + qkv[:, : x.shape[1]], **attn["c_proj"])
""",
    ),
    HeldBack(
        "no mask, no second bias",
        ("mha-no-mask", "mha-no-output-bias"),
        """\
def multi_head_attention(x, attn, number_of_heads):
    qkv = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    parts = (np.split(part, number_of_heads, axis=1) for part in np.split(qkv, 3, axis=1))
    merged = np.hstack([attention(*head) for head in zip(*parts)])
    return merged @ attn["c_proj"]["w"]
""",
    ),
)
