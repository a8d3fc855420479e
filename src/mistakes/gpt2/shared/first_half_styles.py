"""Answers for softmax to multi_head_attention as they are written elsewhere, right and wrong.

``KINDS`` are right ones unlike all others: a release tries them, too. Only
``course mutation gpt2 --held-back`` runs the rest.
"""

from mistakes.entries import HeldBack, Right

_SOFTMAX = ("a-1-1-test", "a-1-1-test-stable")
_ATTENTION = ("a-1-2-test", "a-1-2-test-cases")
_MASKED = ("a-1-3-test", "a-1-3-test-mask")
_LINEAR = ("a-2-1-test", "a-2-1-test-bias")
_HEADS = ("a-2-2-test", "a-2-2-test-heads", "a-2-2-test-causal", "a-2-2-test-numbers")

KINDS: dict[str, tuple[Right, ...]] = {
    "softmax": (
        Right(
            "differences",
            "1 over the sum of exponentials of differences, which may be infinite",
            """\
def softmax(x):
    with np.errstate(over="ignore"):
        return 1 / np.exp(x[:, None, :] - x[:, :, None]).sum(axis=-1)
""",
        ),
    ),
    "masked_attention": (
        Right(
            "mask as a dimension",
            "the mask as more columns of queries and keys",
            """\
def masked_attention(q, k, v, mask):
    wide_q = np.hstack([q / q.shape[1] ** 0.5, np.eye(len(q))])
    wide_k = np.hstack([k, mask.T])
    return softmax(wide_q @ wide_k.T) @ v
""",
        ),
    ),
    "multi_head_attention": (
        Right(
            "one large attention",
            "heads below each other, and a mask that keeps them apart",
            """\
def multi_head_attention(x, attn, number_of_heads):
    n = len(x)
    both = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])
    q, k, v = (np.vstack(np.split(p, number_of_heads, axis=1)) for p in np.split(both, 3, axis=1))
    seen = np.kron(np.eye(number_of_heads), np.tri(n))
    mixed = masked_attention(q, k, v, (1 - seen) * -1e10)
    merged = np.hstack(np.split(mixed, number_of_heads))
    return linear_projection(merged, attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
        ),
    ),
}

RIGHTS: dict[str, tuple[Right, ...]] = {
    "softmax": (
        Right(
            "matrix of ones",
            "the sums by a product with ones",
            """\
def softmax(x):
    e = np.exp(x - x.max(-1)[:, None])
    return e / (e @ np.ones((x.shape[1], x.shape[1])))
""",
        ),
        Right(
            "lambda",
            "one line with :=",
            """\
softmax = lambda x, axis=1: (
    e := np.exp(x - np.amax(x, axis=axis, keepdims=True))
) / e.sum(axis=axis, keepdims=True)
""",
        ),
        Right(
            "epsilon below",
            "1e-9 against a division by 0, which never comes",
            """\
def softmax(x):
    z = x - np.max(x, axis=1).reshape(-1, 1)
    numerator = np.exp(z)
    denominator = np.sum(numerator, axis=1).reshape(-1, 1)
    return numerator / (denominator + 1e-9)
""",
        ),
    ),
    "attention": (
        Right(
            "scale first",
            "queries and keys each divided by the fourth root",
            """\
import math


def attention(q, k, v):
    scale = 1.0 / math.sqrt(math.sqrt(k.shape[-1]))
    att = (q * scale) @ (k * scale).transpose(1, 0)
    att = softmax(att)
    return att @ v
""",
        ),
        Right(
            "inner",
            "np.inner and np.dot",
            """\
attention = lambda q, k, v: np.dot(softmax(np.inner(q, k) / np.sqrt(q.shape[-1])), v)
""",
        ),
        Right(
            "list comprehension",
            "a softmax for every query, stacked",
            """\
def attention(query, key, value):
    d_k = query.shape[-1]
    rows = [softmax(np.array([[a @ b for b in key]]) / d_k**0.5) for a in query]
    return np.concatenate(rows) @ value
""",
        ),
    ),
    "masked_attention": (
        Right(
            "in steps, as a layer does",
            "scores changed in place step by step",
            """\
def masked_attention(q, k, v, mask):
    scores = np.matmul(q, np.transpose(k))
    scores /= np.sqrt(k.shape[-1])
    scores += mask
    attention_weights = softmax(scores)
    output = np.matmul(attention_weights, v)
    return output
""",
        ),
        Right(
            "lambda",
            "one line",
            """\
masked_attention = lambda q, k, v, mask: softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v
""",
        ),
    ),
    "linear_projection": (
        Right(
            "columns",
            "W^T x, with positions as columns",
            """\
def linear_projection(x, w, b):
    y = (w.T @ x.T).T
    return np.add(y, b)
""",
        ),
        Right(
            "tensordot",
            "tensordot, and the bias broadcast by hand",
            """\
def linear_projection(x, w, b):
    product = np.tensordot(x, w, axes=1)
    return product + np.broadcast_to(b, product.shape)
""",
        ),
        Right(
            "comprehension",
            "lists of sums",
            """\
def linear_projection(x, w, b):
    y = [[sum(a * c for a, c in zip(row, col)) for col in w.T] for row in x]
    return np.array(y) + b
""",
        ),
    ),
    "multi_head_attention": (
        Right(
            "maps",
            "lists of lists by map, the parameters by **",
            """\
def multi_head_attention(x, attn, number_of_heads):
    x = linear_projection(x, **attn["c_attn"])
    qkv = np.split(x, 3, axis=-1)
    qkv_heads = list(map(lambda x: np.split(x, number_of_heads, axis=-1), qkv))
    causal_mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10
    out_heads = [masked_attention(q, k, v, causal_mask) for q, k, v in zip(*qkv_heads)]
    return linear_projection(np.hstack(out_heads), **attn["c_proj"])
""",
        ),
        Right(
            "view and transpose",
            "(H, n, d / H) arrays, scores filled with -inf",
            """\
import math


def multi_head_attention(x, attn, number_of_heads):
    T, C = x.shape
    hs = C // number_of_heads
    qkv = x @ attn["c_attn"]["w"] + attn["c_attn"]["b"]
    q, k, v = qkv[:, :C], qkv[:, C : 2 * C], qkv[:, 2 * C :]
    k = k.reshape(T, number_of_heads, hs).transpose(1, 0, 2)
    q = q.reshape(T, number_of_heads, hs).transpose(1, 0, 2)
    v = v.reshape(T, number_of_heads, hs).transpose(1, 0, 2)
    att = (q @ k.swapaxes(-2, -1)) * (1.0 / math.sqrt(hs))
    att = np.where(np.tril(np.ones((T, T))) == 0, float("-inf"), att)
    att = np.exp(att - att.max(-1, keepdims=True))
    att = att / att.sum(-1, keepdims=True)
    y = (att @ v).transpose(1, 0, 2).reshape(T, C)
    return y @ attn["c_proj"]["w"] + attn["c_proj"]["b"]
""",
        ),
    ),
}

WRONG: dict[str, tuple[HeldBack, ...]] = {
    "softmax": (
        HeldBack(
            "exponents cut at 700",
            (
                "softmax-clipped",
                "softmax-clipped-above",
            ),
            """\
def softmax(x):
    e = np.exp(np.minimum(x, 700))
    return e / e.sum(axis=1, keepdims=True)
""",
            fails=("a-1-1-test-stable",),
        ),
        HeldBack(
            "e is 2.718",
            ("softmax-short-e",),
            """\
def softmax(x):
    powers = 2.718 ** (x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
""",
            fails=_SOFTMAX,
        ),
        HeldBack(
            "mean of the powers",
            ("softmax-mean-of-powers",),
            """\
def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.mean(e, axis=1, keepdims=True)
""",
            fails=_SOFTMAX,
        ),
        HeldBack(
            "overwritten in the loop",
            ("softmax-last-row",),
            """\
def softmax(x):
    for row in x:
        e = np.exp(row - max(row))
        result = e / sum(e)
    return result
""",
            fails=_SOFTMAX,
        ),
        HeldBack(
            "half precision",
            (),
            """\
def softmax(x):
    e = np.exp((x - x.max(1, keepdims=True)).astype(np.float16))
    return e / e.sum(1, keepdims=True)
""",
            fails=_SOFTMAX,
        ),
    ),
    "attention": (
        HeldBack(
            "indices the wrong way round",
            ("attention-swapped",),
            """\
def attention(q, k, v):
    scores = np.einsum("id,jd->ji", q, k) / np.sqrt(k.shape[1])
    return np.einsum("ij,jd->id", softmax(scores), v)
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "weights by key",
            ("attention-softmax-of-queries",),
            """\
def attention(q, k, v):
    weights = softmax(np.matmul(k, q.T) / k.shape[-1] ** 0.5)
    return np.matmul(weights.T, v)
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "overwritten in the loop",
            ("attention-last-row",),
            """\
def attention(q, k, v):
    for i in range(len(q)):
        score = q[i : i + 1] @ k.T / np.sqrt(q.shape[1])
        out = softmax(score) @ v
    return out
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "a whole root",
            ("attention-whole-root",),
            """\
import math


def attention(q, k, v):
    return softmax(q @ k.T / math.isqrt(k.shape[1])) @ v
""",
            fails=("a-1-2-test",),
        ),
        HeldBack(
            "linear attention",
            (),
            """\
def attention(q, k, v):
    return softmax(q) @ (softmax(k.T) @ v)
""",
            fails=_ATTENTION,
        ),
    ),
    "masked_attention": (
        HeldBack(
            "exp of the mask",
            ("masked-maximum-of-hidden",),
            """\
def masked_attention(q, k, v, mask):
    s = q @ k.T / np.sqrt(q.shape[1])
    s = s - s.max(axis=1, keepdims=True)
    p = np.exp(s) * np.exp(mask)
    return p / p.sum(axis=1, keepdims=True) @ v
""",
            fails=("a-1-3-test-mask",),
        ),
        HeldBack(
            "where there is a mask",
            (
                "masked-yes-or-no",
                "masked-any-number-hides",
            ),
            """\
def masked_attention(q, k, v, mask):
    s = q @ k.T / np.sqrt(q.shape[1])
    s = np.where(mask != 0, -1e10, s)
    return softmax(s) @ v
""",
            fails=("a-1-3-test-mask",),
        ),
        HeldBack(
            "lower triangle of the scores",
            (
                "masked-zeros",
                "masked-own-mask",
                "masked-triangle-of-scores",
            ),
            """\
def masked_attention(q, k, v, mask):
    s = q @ k.T / np.sqrt(q.shape[1])
    return softmax(np.tril(s)) @ v
""",
            fails=_MASKED,
        ),
        HeldBack(
            "scaled at the end",
            ("masked-scaled",),
            """\
def masked_attention(q, k, v, mask):
    s = q @ k.T
    s += mask
    s *= q.shape[-1] ** -0.5
    return softmax(s) @ v
""",
            fails=("a-1-3-test-mask",),
        ),
    ),
    "linear_projection": (
        HeldBack(
            "a bias for each row of x",
            ("linear-column", "linear-column-where-it-fits"),
            """\
def linear_projection(x, w, b):
    return np.array([row @ w + b_i for row, b_i in zip(x, b)])
""",
            fails=("a-2-1-test-bias",),
        ),
        HeldBack(
            "b made flat",
            ("linear-row", "linear-row-where-it-fits"),
            """\
def linear_projection(x, w, b):
    return np.dot(x, w) + b.flatten()
""",
            fails=("a-2-1-test",),
        ),
        HeldBack(
            "one bias for all",
            ("linear-mean-bias",),
            """\
def linear_projection(x, w, b):
    return x @ w + np.mean(b)
""",
            fails=_LINEAR,
        ),
        HeldBack(
            "as layers keep their weights",
            ("linear-weights-transposed",),
            """\
def linear_projection(x, w, b):
    return np.einsum("ni,oi->no", x, w) + b
""",
            fails=_LINEAR,
        ),
    ),
    "multi_head_attention": (
        HeldBack(
            "b_1 handed whole to q, k and v",
            ("mha-input-bias-whole",),
            """\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10
    w_q, w_k, w_v = np.split(w_1, 3, axis=1)
    q = np.split(linear_projection(x, w_q, b_1), number_of_heads, axis=1)
    k = np.split(linear_projection(x, w_k, b_1), number_of_heads, axis=1)
    v = np.split(linear_projection(x, w_v, b_1), number_of_heads, axis=1)
    heads = [masked_attention(q[h], k[h], v[h], mask) for h in range(number_of_heads)]
    return linear_projection(np.concatenate(heads, axis=1), w_2, b_2)
""",
            fails=_HEADS,
        ),
        HeldBack(
            "viewed as heads, never transposed",
            (
                "mha-reshaped-heads",
                "mha-merged-by-reshape",
                "mha-reshaped-both",
            ),
            """\
def multi_head_attention(x, attn, number_of_heads):
    n, d = x.shape
    mask = (1 - np.tri(n, dtype=x.dtype)) * -1e10
    q, k, v = np.split(linear_projection(x, **attn["c_attn"]), 3, axis=-1)
    q, k, v = (a.reshape(number_of_heads, n, d // number_of_heads) for a in (q, k, v))
    out = [masked_attention(q[h], k[h], v[h], mask) for h in range(number_of_heads)]
    return linear_projection(np.array(out).reshape(n, d), **attn["c_proj"])
""",
            fails=_HEADS,
        ),
        HeldBack(
            "the triangle cut after softmax",
            ("mha-shares-cut",),
            """\
def multi_head_attention(x, attn, number_of_heads):
    q, k, v = np.split(linear_projection(x, **attn["c_attn"]), 3, axis=-1)
    heads = []
    for q_h, k_h, v_h in zip(*(np.split(a, number_of_heads, axis=-1) for a in (q, k, v))):
        weights = softmax(q_h @ k_h.T / np.sqrt(k_h.shape[-1]))
        heads.append(np.tril(weights) @ v_h)
    return linear_projection(np.concatenate(heads, axis=-1), **attn["c_proj"])
""",
            fails=_HEADS,
        ),
        HeldBack(
            "attention without its mask",
            ("mha-no-mask",),
            """\
def multi_head_attention(x, attn, number_of_heads):
    qkv = linear_projection(x, **attn["c_attn"])
    parts = np.split(qkv, 3 * number_of_heads, axis=1)
    H = number_of_heads
    heads = [attention(parts[h], parts[H + h], parts[2 * H + h]) for h in range(H)]
    return linear_projection(np.hstack(heads), **attn["c_proj"])
""",
            fails=_HEADS,
        ),
    ),
}
