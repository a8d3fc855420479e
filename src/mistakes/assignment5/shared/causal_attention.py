"""Right answers for assignment 5's attention, and wrong ones held back to measure diagnoses with.

The mistakes, and the tests that they fail, are in
``mistakes.assignment5.p2_03_multi_head_attention``.
"""

from mistakes.entries import HeldBack, Right

RIGHTS: tuple[Right, ...] = (
    Right(
        "all heads at once",
        "one product for all heads, minus infinity above the diagonal",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"] for c in "qkvo")
    n, d = x.shape
    q, k, v = ((x @ w.T).reshape(n, n_heads, d // n_heads).swapaxes(0, 1) for w in (wq, wk, wv))
    scores = q @ k.swapaxes(1, 2) / np.sqrt(d / n_heads)
    scores[:, np.triu(np.ones((n, n), dtype=bool), k=1)] = -np.inf
    heads = softmax(scores) @ v
    return heads.swapaxes(0, 1).reshape(n, d) @ wo.T
""",
    ),
    Right(
        "einsum",
        "einsum throughout, its own softmax",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    def packed(letter):
        return params[f"{layer_prefix}.attention.w{letter}.weight"]

    split = (n_heads, d_model // n_heads, d_model)
    q, k, v = (
        np.einsum("nd,hcd->hnc", x, packed(c).reshape(split), optimize=True) for c in "qkv"
    )
    scores = np.einsum("hic,hjc->hij", q, k) * (d_model // n_heads) ** -0.5
    allowed = np.tri(x.shape[0])
    scores = np.where(allowed, scores, -1e30)
    powers = np.exp(scores - scores.max(axis=2)[:, :, None])
    weights = powers / powers.sum(axis=2)[:, :, None]
    mixed = np.einsum("hij,hjc->ihc", weights, v).reshape(x.shape[0], d_model)
    return np.einsum("nc,dc->nd", mixed, packed("o"))
""",
    ),
    Right(
        "position by position",
        "each row looks at what it may see, no mask at all",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = [params[layer_prefix + f".attention.w{c}.weight"] for c in "qkvo"]
    size = d_model // n_heads
    q, k, v = np.dot(x, wq.T), np.dot(x, wk.T), np.dot(x, wv.T)
    mixed = np.zeros((len(x), d_model))
    for i in range(len(x)):
        for start in range(0, d_model, size):
            own = slice(start, start + size)
            scores = k[: i + 1, own] @ q[i, own] / np.sqrt(size)
            scores = np.exp(scores - scores.max())
            mixed[i, own] = (scores / scores.sum()) @ v[: i + 1, own]
    return mixed @ wo.T
""",
    ),
    Right(
        "float32",
        "in single precision throughout",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    x = np.asarray(x, dtype=np.float32)
    wq, wk, wv, wo = (
        np.asarray(params[f"{layer_prefix}.attention.w{c}.weight"], dtype=np.float32).T
        for c in "qkvo"
    )
    queries, keys, values = (
        np.split(product, n_heads, axis=1) for product in (x @ wq, x @ wk, x @ wv)
    )
    mask = np.triu(np.full((len(x), len(x)), -1e9, dtype=np.float32), k=1)
    outputs = []
    for q, k, v in zip(queries, keys, values):
        scores = (q @ k.T) * np.float32(0.125) + mask
        outputs.append(softmax(scores) @ v)
    return np.hstack(outputs) @ wo
""",
    ),
    Right(
        "sum over heads",
        "each head's share of the output projection, added",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    d_h = d_model // n_heads
    out = np.zeros((x.shape[0], d_model))
    for h in range(n_heads):
        rows = slice(h * d_h, (h + 1) * d_h)
        wq, wk, wv = (params[f"{layer_prefix}.attention.w{c}.weight"][rows] for c in "qkv")
        attention = _weights((x @ wq.T) @ (wk @ x.T) / math.sqrt(d_h))
        out += attention @ (x @ wv.T) @ params[f"{layer_prefix}.attention.wo.weight"][:, rows].T
    return out


def _weights(scores):
    return softmax(apply_presoftmax_causal_mask(scores), axis=1)
""",
    ),
    Right(
        "log-space",
        "weights from logarithms, the mask by where",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    names = [f"{layer_prefix}.attention.w{c}.weight" for c in ("q", "k", "v", "o")]
    wq, wk, wv, wo = map(params.get, names)
    n = len(x)
    later = np.arange(n) > np.arange(n)[:, None]

    def head(q, k, v):
        logs = np.where(later, -np.inf, q.T @ k / math.sqrt(len(q)))
        logs = logs - np.logaddexp.reduce(logs, axis=1)[:, None]
        return v @ np.exp(logs).T

    columns = zip(*(np.split(w @ x.T, n_heads) for w in (wq, wk, wv)))
    return (wo @ np.concatenate([head(q, k, v) for q, k, v in columns])).T
""",
    ),
    Right(
        "mask times weights",
        "exponentials cut off, then normalised",
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    w = {c: params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo"}
    head_dim = d_model // n_heads
    result = []
    for start in np.arange(n_heads) * head_dim:
        own = np.arange(start, start + head_dim)
        q = (x @ w["q"][:, own]) / math.sqrt(head_dim)
        scores = q @ (x @ w["k"][:, own]).T
        scores = np.where(np.tri(len(x)) > 0, scores, scores.min())
        powers = np.tril(np.exp(scores - scores.max(axis=1, keepdims=True)))
        result.append(powers @ (x @ w["v"][:, own]) / powers.sum(axis=1, keepdims=True))
    return np.concatenate(result, axis=1) @ w["o"]
""",
    ),
)

HELD_BACK: tuple[HeldBack, ...] = (
    HeldBack(
        "unscaled, by einsum",
        ("mha-no-scale",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    q, k, v = (
        (x @ params[f"{layer_prefix}.attention.w{c}.weight"].T).reshape(len(x), 8, 64)
        for c in "qkv"
    )
    scores = np.einsum("ihc,jhc->hij", q, k)
    weights = softmax(apply_presoftmax_causal_mask(scores))
    mixed = np.einsum("hij,jhc->ihc", weights, v).reshape(len(x), 512)
    return mixed @ params[f"{layer_prefix}.attention.wo.weight"].T
""",
    ),
    HeldBack(
        "masked afterwards, by index",
        ("mha-mask-after",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
    heads = []
    for h in range(8):
        cut = slice(64 * h, 64 * (h + 1))
        a = softmax((x @ wq)[:, cut] @ (x @ wk)[:, cut].T / 8)
        for i in range(len(x)):
            a[i, i + 1 :] = 0
        heads.append(a @ (x @ wv)[:, cut])
    return np.hstack(heads) @ wo
""",
    ),
    HeldBack(
        "joined column by column",
        ("mha-heads-interleaved",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
    joined = np.empty((len(x), 512))
    for h in range(8):
        cut = slice(64 * h, 64 * (h + 1))
        s = apply_presoftmax_causal_mask((x @ wq[:, cut]) @ (x @ wk[:, cut]).T / 8)
        joined[:, h::8] = softmax(s) @ (x @ wv[:, cut])
    return joined @ wo
""",
    ),
    HeldBack(
        "no projection at the end",
        ("mha-no-output-matrix",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    out = []
    for h in range(n_heads):
        rows = np.arange(64) + 64 * h
        q, k, v = (x @ params[f"{layer_prefix}.attention.w{c}.weight"][rows].T for c in "qkv")
        s = np.where(np.tri(len(x), dtype=bool), q @ k.T / 8, -1e12)
        e = np.exp(s - s.max(1, keepdims=True))
        out.append((e / e.sum(1, keepdims=True)) @ v)
    return np.concatenate(out, 1)
""",
    ),
    HeldBack(
        "no mask, all heads at once",
        ("mha-no-mask",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"] for c in "qkvo")
    q, k, v = (np.swapaxes((x @ w.T).reshape(len(x), 8, 64), 0, 1) for w in (wq, wk, wv))
    a = softmax(q @ np.swapaxes(k, 1, 2) / 8)
    return np.swapaxes(a @ v, 0, 1).reshape(len(x), 512) @ wo.T
""",
    ),
    HeldBack(
        "columns normalised by hand",
        ("mha-softmax-columns",),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
    parts = []
    for h in range(8):
        cut = slice(64 * h, 64 * (h + 1))
        s = apply_presoftmax_causal_mask((x @ wq[:, cut]) @ (x @ wk[:, cut]).T / 8)
        e = np.exp(s - s.max(axis=0))
        parts.append(e / e.sum(axis=0) @ (x @ wv[:, cut]))
    return np.hstack(parts) @ wo
""",
    ),
    HeldBack(
        "unscaled and without W_o",
        ("mha-no-scale", "mha-no-output-matrix"),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkv")
    parts = []
    for h in range(8):
        cut = slice(64 * h, 64 * (h + 1))
        s = apply_presoftmax_causal_mask((x @ wq[:, cut]) @ (x @ wk[:, cut]).T)
        parts.append(softmax(s) @ (x @ wv[:, cut]))
    return np.hstack(parts)
""",
    ),
    HeldBack(
        "distance penalty",
        (),
        """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
    i = np.arange(len(x))
    parts = []
    for h in range(8):
        cut = slice(64 * h, 64 * (h + 1))
        s = (x @ wq[:, cut]) @ (x @ wk[:, cut]).T / 8 - np.abs(i[:, None] - i)
        parts.append(softmax(apply_presoftmax_causal_mask(s)) @ (x @ wv[:, cut]))
    return np.hstack(parts) @ wo
""",
    ),
)
