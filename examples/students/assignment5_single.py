"""A student who has read that graphics cards compute in float32, and does so throughout."""

from examples.students import assignment5_plain, edited

_CAST = "    weights = [np.asarray(w, dtype=np.float32) for w in weights]\n"

CODE = assignment5_plain.CODE | {
    "p1-2-solution": edited(
        assignment5_plain.RNN,
        ("    # First recurrent layer\n", _CAST + "    # First recurrent layer\n"),
        (
            "        p = p / np.sum(p)\n",
            "        p = p.astype(np.float64)  # np.random.choice insists on a sum of 1\n"
            "        p = p / np.sum(p)\n",
        ),
    ),
    "p1-3-solution": edited(
        assignment5_plain.GRU,
        ("    # GRU layer\n", _CAST + "    # GRU layer\n"),
        ("p / np.sum(p)", "p.astype(np.float64) / np.sum(p, dtype=np.float64)"),
    ),
    "p1-4-2-solution": edited(
        assignment5_plain.PERPLEXITY,
        ("    W_xh1, W_h1h1 = ", _CAST + "    W_xh1, W_h1h1 = "),
        ("    W_ux, W_rx, W_hx = ", _CAST + "    W_ux, W_rx, W_hx = "),
    ),
    "p2-2a-solution": edited(
        assignment5_plain.EMBED,
        ("embeddings[tokens, :]", "np.asarray(embeddings[tokens], dtype=np.float32)"),
    ),
    "p2-2b-solution": edited(
        assignment5_plain.SIMILARITY,
        ("(128, 256)\n", "(128, 256).astype(np.float32)\n"),
    ),
    "p2-3-solution": edited(
        assignment5_plain.ATTENTION,
        ("    wq = params", "    x = np.asarray(x, dtype=np.float32)\n    wq = params"),
        ("np.dot(x, wqh)", "np.dot(x, wqh.astype(np.float32))"),
        ("np.dot(x, wkh)", "np.dot(x, wkh.astype(np.float32))"),
        ("np.dot(x, wvh)", "np.dot(x, wvh.astype(np.float32))"),
        ("softmax(attn_scores)", "softmax(attn_scores).astype(np.float32)"),
        ("np.dot(head_outputs, wo)", "np.dot(head_outputs, wo.astype(np.float32))"),
    ),
    "p2-5-solution": edited(
        assignment5_plain.MLP,
        ("np.dot(x, w1)", "np.dot(np.float32(x), np.float32(w1))"),
        ("np.dot(hidden, w2)", "np.dot(hidden, np.float32(w2))"),
    ),
    "p2-7-solution": edited(
        assignment5_plain.HEAD,
        ("np.dot(x, w) + b", "np.dot(np.float32(x), np.float32(w)) + np.float32(b)"),
    ),
    "p2-9-solution": edited(
        assignment5_plain.TRANSFORMER,
        ("x = x + pe", "x = x + pe.astype(np.float32)"),
    ),
    "p2-11-solution": edited(
        assignment5_plain.GENERATE,
        ("softmax(last / temperature)", "softmax(np.float64(last) / temperature)"),
    ),
}
