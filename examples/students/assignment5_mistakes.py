"""Students with mistakes that are often made. Each mistake is an edit of the plain solutions."""

from examples.students import assignment5_plain as plain
from examples.students import edited

# Forgets factors: no 1/sqrt(d), multiplies by the temperature, mixes log2 with exp.
FACTORS = plain.CODE | {
    "p1-4-2-solution": plain.PERPLEXITY.replace("np.log(", "np.log2("),
    "p2-3-solution": edited(plain.ATTENTION, ("np.dot(q, k.T) * attn_scale", "np.dot(q, k.T)")),
    "p2-11-solution": edited(plain.GENERATE, ("last / temperature", "last * temperature")),
}

# Loses things on the way: the RNN's state after the prompt, the prompt in N for the GRU, the
# residual around the MLP.
STATE = plain.CODE | {
    "p1-2-solution": edited(
        plain.RNN,
        (
            "    # write\n",
            "    # write\n    h1 = np.zeros_like(h1)\n    h2 = np.zeros_like(h2)\n",
        ),
    ),
    "p1-3-solution": edited(
        plain.GRU, ("if len(output_sentence) >= N:", "if len(output_sentence) >= N + len(prompt):")
    ),
    "p2-9-solution": edited(plain.TRANSFORMER, ("x = x + mlp_out", "x = mlp_out")),
}

# In a hurry: the RNN takes the most probable letter, the mask comes after softmax, no ReLU, no
# bias in the head.
HURRY = plain.CODE | {
    "p1-2-solution": edited(
        plain.RNN, ("np.random.choice(len(p), p=p.ravel())", "int(np.argmax(p))")
    ),
    "p2-3-solution": edited(
        plain.ATTENTION,
        ("        attn_scores = apply_presoftmax_causal_mask(attn_scores)\n", ""),
        ("softmax(attn_scores)", "np.tril(softmax(attn_scores))"),
    ),
    "p2-5-solution": edited(plain.MLP, ("relu(np.dot(x, w1))", "np.dot(x, w1)")),
    "p2-7-solution": edited(plain.HEAD, ("np.dot(x, w) + b", "np.dot(x, w)")),
}

# Has the formulas mixed up: update gate the other way round in 1.3, the RNN's perplexity divided
# by N, the GRU's a product without logarithms, unknown symbols not checked, pe.T @ pe.
GATES = plain.CODE | {
    "p1-3-solution": edited(plain.GRU, ("u * h + (1 - u) * c", "(1 - u) * h + u * c")),
    "p1-4-2-solution": """\
def perplexity_RNN(weights, text, m):
    W_xh1, W_h1h1, b_h1, W_h1h2, W_h2h2, b_h2, W_h2y, b_y = [w.T for w in weights]
    h1, h2 = np.zeros_like(b_h1), np.zeros_like(b_h2)
    log_p = 0.0
    for t in range(len(text) - 1):
        h1 = np.tanh(W_xh1[:, char_to_indices[text[t]]] + W_h1h1 @ h1 + b_h1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)
        if t >= m - 1:
            e = np.exp(W_h2y @ h2 + b_y)
            log_p += np.log(e[char_to_indices[text[t + 1]]] / e.sum())
    return np.exp(-log_p / len(text))


def perplexity_GRU(weights, text, m):
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3, axis=0)
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3, axis=0)
    b_u, b_r, b_h = np.split(np.sum(weights[2], axis=0), 3)
    h = np.zeros_like(b_h)
    product = 1.0
    for t in range(len(text) - 1):
        i = char_to_indices[text[t]]
        u = sigmoid(W_ux[:, i] + W_uh @ h + b_u)
        r = sigmoid(W_rx[:, i] + W_rh @ h + b_r)
        h = u * h + (1 - u) * np.tanh(W_hx[:, i] + r * (W_hh @ h) + b_h)
        if t >= m - 1:
            e = np.exp(weights[3].T @ h + weights[4])
            product *= e[char_to_indices[text[t + 1]]] / e.sum()
    return product ** (-1 / (len(text) - m))
""",
    "p2-2b-solution": edited(plain.SIMILARITY, ("np.dot(pe, pe.T)", "np.dot(pe.T, pe)")),
}

# A bracket is missing in 1.3.
SYNTAX = plain.CODE | {
    "p1-3-solution": edited(plain.GRU, ("W_uh @ h + b_u)", "W_uh @ h + b_u")),
}

# Unknown symbols end in a KeyError, and the greedy branch was never written.
RAISES = plain.CODE | {
    "p1-4-2-solution": edited(
        plain.PERPLEXITY,
        ("        if char not in char_to_indices:\n", "        if char_to_indices[char] < 0:\n"),
    ),
    "p2-11-solution": edited(
        plain.GENERATE, ("next_token = np.argmax(last)", 'raise NotImplementedError("to do")')
    ),
}

# Prints what it does, everywhere.
PRINTS = plain.CODE | {
    "p1-2-solution": edited(
        plain.RNN,
        (
            "        output_sentence += char\n",
            "        output_sentence += char\n"
            '        print("next character:", repr(char), "p =", float(p.max()))\n',
        ),
    ),
    "p1-3-solution": edited(
        plain.GRU,
        (
            "        y = W_y @ h + b_y\n",
            "        y = W_y @ h + b_y\n"
            '        print("state", h.ravel()[:5], "text so far", output_sentence[-30:])\n',
        ),
    ),
    "p2-3-solution": edited(
        plain.ATTENTION,
        (
            "        attn_scores = softmax(attn_scores)\n",
            "        attn_scores = softmax(attn_scores)\n"
            '        print(layer_prefix, "head", head, attn_scores.shape, attn_scores[:2, :2])\n',
        ),
    ),
    "p2-9-solution": edited(
        plain.TRANSFORMER, ("    return logits", '    print("logits:", logits)\n    return logits')
    ),
}

# A name with accents in a comment, and a source in which lines end as on Windows.
WINDOWS = plain.CODE | {
    "p1-2-solution": "# Zoë Łukasiewicz-Nuñez, 王小明 — exercício 1.2 ✓\n" + plain.RNN,
    "p2-5-solution": plain.MLP.replace("\n", "\r\n"),
}
