"""A student who has read that graphics cards compute in float32, and does so throughout."""

from examples.students import edited, gpt2_plain

CODE = gpt2_plain.CODE | {
    "a-1-1-solution": edited(
        gpt2_plain.SOFTMAX, ("    largest", "    x = np.float32(x)\n    largest")
    ),
    "a-1-2-solution": edited(
        gpt2_plain.ATTENTION,
        ("    d_k", "    q, k, v = np.float32(q), np.float32(k), np.float32(v)\n    d_k"),
        ("np.sqrt(d_k)", "np.float32(np.sqrt(d_k))"),
    ),
    "a-1-3-solution": edited(
        gpt2_plain.MASKED,
        ("    d_k", "    q, k, v = np.float32(q), np.float32(k), np.float32(v)\n    d_k"),
        ("np.sqrt(d_k)", "np.float32(np.sqrt(d_k))"),
        ("scores + mask", "scores + np.float32(mask)"),
    ),
    "a-2-1-solution": edited(
        gpt2_plain.LINEAR,
        ("np.dot(x, w) + b", "np.dot(np.float32(x), np.float32(w)) + np.float32(b)"),
    ),
    "b-1-1-solution": edited(gpt2_plain.GELU, ("    inner", "    x = np.float32(x)\n    inner")),
    "b-1-2-solution": edited(
        gpt2_plain.NORM,
        ("    mu", "    x, g, b = np.float32(x), np.float32(g), np.float32(b)\n    mu"),
    ),
}
