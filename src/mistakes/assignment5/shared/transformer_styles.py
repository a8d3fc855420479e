"""Answers for problem 2 as they are written elsewhere, right and wrong.

``KINDS`` are right ones unlike all others: a release tries them, too. Only
``course mutation assignment5 --held-back`` runs the rest.
"""

from mistakes.entries import HeldBack, Right

_EMBED = ("p2-2a-test", "p2-2a-test-fresh")
_PE = ("p2-2b-test",)
_ATTENTION = ("p2-4-test", "p2-4-test-causal", "p2-4-test-lengths")
_MLP = ("p2-6-test", "p2-6-test-rows")
_HEAD = ("p2-8-test", "p2-8-test-fresh")
_TRANSFORMER = ("p2-10-test", "p2-10-test-parts", "p2-10-test-causal")
_GENERATE = ("p2-11-test", "p2-11-test-sampling", "p2-11-test-temperature")

_POSITIONS = "pe = get_sinusoidal_positional_embeddings(128, 256)\n"
_MATRICES = """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    W_q, W_k, W_v, W_o = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
"""
_LOOP = """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    generated_tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        logits = transformer(generated_tokens, params)
"""

KINDS: dict[str, tuple[Right, ...]] = {
    "multi_head_attention": (
        Right(
            "weights not transposed",
            "matrices as they are stored, by einsum with letters of their own",
            """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    name = layer_prefix + ".attention.w{}.weight"
    q, k, v = (np.inner(x, params[name.format(c)]) for c in "qkv")
    out = np.zeros_like(q)
    for cols in np.array_split(np.arange(q.shape[1]), n_heads):
        s = np.einsum("ic,jc->ij", q[:, cols], k[:, cols]) / len(cols) ** 0.5
        out[:, cols] = softmax(apply_presoftmax_causal_mask(s)) @ v[:, cols]
    return np.inner(out, params[name.format("o")])
""",
        ),
    ),
    "transformer": (
        Right(
            "in place",
            "+= on the embeddings' copy",
            """\
def transformer(tokens, params):
    x = np.array(embed_tokens(tokens, params))
    x += get_sinusoidal_positional_embeddings(*x.shape)
    for layer in range(n_layers):
        x += multi_head_attention(x, params, f"layers.{layer}")
        x += mlp(x, params, f"layers.{layer}")
    return prediction_head(x, params)
""",
        ),
    ),
}

RIGHTS: dict[str, tuple[Right, ...]] = {
    "embed_tokens": (
        Right(
            "a class",
            "a layer that is called",
            """\
class Embedding:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, idx):
        return self.weight[np.asarray(idx, dtype=np.int64), :]


def embed_tokens(tokens, params):
    return Embedding(params["word_embedding.weight"])(tokens)
""",
        ),
        Right(
            "stack",
            "np.stack of rows",
            """\
def embed_tokens(tokens, params):
    embeddings = params["word_embedding.weight"]
    return np.stack([embeddings[t] for t in tokens], axis=0)
""",
        ),
        Right(
            "map",
            "map over __getitem__",
            """\
embed_tokens = lambda tokens, params: np.array(
    list(map(params["word_embedding.weight"].__getitem__, tokens))
)
""",
        ),
    ),
    "pe_similarity": (
        Right("inner", "np.inner", _POSITIONS + "pe_similarity = np.inner(pe, pe)\n"),
        Right(
            "broadcast",
            "products of all pairs, summed",
            _POSITIONS + "pe_similarity = (pe[:, None, :] * pe[None, :, :]).sum(-1)\n",
        ),
        Right(
            "tensordot",
            "np.tensordot in a function",
            "def dot_products(rows):\n    return np.tensordot(rows, rows, axes=(1, 1))\n\n\n"
            + _POSITIONS
            + "pe_similarity = dot_products(pe)\n",
        ),
    ),
    "multi_head_attention": (
        Right(
            "view and transpose",
            "(heads, n, head_dim) arrays, a mask of booleans",
            _MATRICES
            + """\
    T, C = x.shape
    view = lambda a: a.reshape(T, n_heads, C // n_heads).transpose(1, 0, 2)
    q, k, v = view(x @ W_q), view(x @ W_k), view(x @ W_v)
    att = (q @ k.swapaxes(-2, -1)) / math.sqrt(k.shape[-1])
    att = np.where(np.tri(T, dtype=bool), att, -np.inf)
    y = softmax(att, axis=-1) @ v
    return y.transpose(1, 0, 2).reshape(T, C) @ W_o
""",
        ),
        Right(
            "a function for a head",
            "scaled dot-product attention as a function of its own",
            """\
def scaled_dot_product_attention(query, key, value):
    scores = np.matmul(query, key.T) / np.sqrt(key.shape[-1])
    return np.matmul(softmax(apply_presoftmax_causal_mask(scores), axis=-1), value)


"""
            + _MATRICES
            + """\
    size = W_q.shape[1] // n_heads
    pieces = [slice(h * size, (h + 1) * size) for h in range(n_heads)]
    heads = [
        scaled_dot_product_attention(x @ W_q[:, s], x @ W_k[:, s], x @ W_v[:, s]) for s in pieces
    ]
    return np.hstack(heads) @ W_o
""",
        ),
    ),
    "mlp": (
        Right(
            "sequential",
            "a list of layers in a loop",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1, w2 = (params[f"{layer_prefix}.feed_forward.{i}.weight"] for i in (0, 2))
    for layer in [lambda z: z @ w1.T, relu, lambda z: z @ w2.T]:
        x = layer(x)
    return x
""",
        ),
        Right(
            "gate",
            "times whether it is positive",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    h = np.matmul(x, params[layer_prefix + ".feed_forward.0.weight"].T)
    return np.matmul(h * (h > 0), params[layer_prefix + ".feed_forward.2.weight"].T)
""",
        ),
        Right(
            "clip",
            "np.clip, and np.inner with the matrices as stored",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    up = np.inner(x, params[f"{layer_prefix}.feed_forward.0.weight"])
    return np.inner(np.clip(up, 0, None), params[f"{layer_prefix}.feed_forward.2.weight"])
""",
        ),
    ),
    "prediction_head": (
        Right(
            "as stored",
            "np.inner with the weights as they are stored",
            """\
def prediction_head(x, params):
    return np.inner(x, params["fc_out.weight"]) + params["fc_out.bias"][None, :]
""",
        ),
        Right(
            "in place",
            "the bias added to its own result",
            """\
def prediction_head(x, params):
    logits = np.matmul(x, np.transpose(params["fc_out.weight"]))
    logits += params["fc_out.bias"]
    return logits
""",
        ),
        Right(
            "token by token",
            "a column for each token, stacked",
            """\
def prediction_head(x, params):
    pairs = zip(params["fc_out.weight"], params["fc_out.bias"])
    return np.stack([x @ w + b for w, b in pairs], axis=1)
""",
        ),
    ),
    "transformer": (
        Right(
            "sublayers",
            "one list of all sublayers, run through in a loop",
            """\
def transformer(tokens, params):
    h = embed_tokens(tokens, params)
    h = h + get_sinusoidal_positional_embeddings(len(h), h.shape[-1])
    sublayers = [(f, f"layers.{i}") for i in range(n_layers) for f in (multi_head_attention, mlp)]
    for sublayer, prefix in sublayers:
        h = h + sublayer(h, params, layer_prefix=prefix)
    return prediction_head(h, params)
""",
        ),
        Right(
            "a class",
            "blocks as objects",
            """\
class Block:
    def __init__(self, params, i):
        self.params, self.prefix = params, f"layers.{i}"

    def __call__(self, x):
        x = x + multi_head_attention(x, self.params, self.prefix)
        return x + mlp(x, self.params, self.prefix)


def transformer(tokens, params):
    tokens = np.asarray(tokens)
    tok_emb = embed_tokens(tokens, params)
    pos_emb = get_sinusoidal_positional_embeddings(tokens.size, d_model)
    x = tok_emb + pos_emb
    for block in [Block(params, i) for i in range(n_layers)]:
        x = block(x)
    return prediction_head(x, params)
""",
        ),
    ),
    "generate_with_transformer": (
        Right(
            "cropped context",
            "at most block_size tokens are read",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    idx = enc.encode(prefix_text)
    for _ in range(max_len):
        idx_cond = idx if len(idx) <= block_size else idx[-block_size:]
        logits = transformer(idx_cond, params)[-1, :]
        if greedy:
            idx_next = logits.argmax()
        else:
            idx_next = np.random.choice(vocab_size, p=softmax(logits / temperature))
        idx = idx + [int(idx_next)]
    return enc.decode(idx)
""",
        ),
        Right(
            "multinomial",
            "one draw of np.random.multinomial, in float64",
            """\
def sample(logits, temperature):
    preds = np.asarray(logits).astype("float64") / temperature
    preds = np.exp(preds - preds.max())
    return np.argmax(np.random.multinomial(1, preds / np.sum(preds)))


def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    pick = (lambda z: np.argmax(z)) if greedy else (lambda z: sample(z, temperature))
    tokens = np.array(enc.encode(prefix_text))
    while max_len > 0:
        tokens = np.append(tokens, pick(transformer(tokens, params)[-1]))
        max_len -= 1
    return enc.decode(tokens.tolist())
""",
        ),
        Right(
            "generator",
            "tokens from a generator function",
            """\
from itertools import islice


def tokens_after(tokens, params, choose):
    while True:
        tokens.append(choose(transformer(tokens, params)[-1]))
        yield tokens[-1]


def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    def choose(logits):
        if greedy:
            return int(logits.argmax())
        p = softmax(logits / temperature)
        return int(np.random.choice(np.arange(p.size), p=p))

    new = islice(tokens_after(enc.encode(prefix_text), params, choose), max_len)
    return prefix_text + enc.decode(list(new))
""",
        ),
    ),
}

WRONG: dict[str, tuple[HeldBack, ...]] = {
    "embed_tokens": (
        HeldBack(
            "scaled by math.sqrt(d_model)",
            ("embed-scaled",),
            """\
def embed_tokens(tokens, params):
    lut = params["word_embedding.weight"]
    return np.take(lut, tokens, axis=0) * math.sqrt(d_model)
""",
            fails=_EMBED,
        ),
        HeldBack(
            "tokens as bytes",
            (),
            """\
def embed_tokens(tokens, params):
    idx = np.asarray(tokens).astype(np.uint8)
    return params["word_embedding.weight"][idx]
""",
            fails=("p2-2a-test",),
        ),
        HeldBack(
            "overwritten in the loop",
            ("embed-last-row",),
            """\
def embed_tokens(tokens, params):
    for t in tokens:
        embedded_tokens = params["word_embedding.weight"][t]
    return embedded_tokens
""",
            fails=_EMBED,
        ),
        HeldBack(
            "one-hot columns",
            ("embed-transposed",),
            """\
def embed_tokens(tokens, params):
    E = params["word_embedding.weight"]
    one_hot = np.eye(len(E))[:, tokens]
    return E.T @ one_hot
""",
            fails=_EMBED,
        ),
    ),
    "pe_similarity": (
        HeldBack(
            "divided by the largest",
            ("pe-cosine",),
            _POSITIONS + "pe_similarity = pe @ pe.T\npe_similarity /= pe_similarity.max()\n",
            fails=_PE,
        ),
        HeldBack(
            "closeness",
            (
                "pe-distances",
                "pe-minus-distances",
            ),
            _POSITIONS + "pe_similarity = -np.linalg.norm(pe[:, None] - pe[None], axis=2)\n",
            fails=_PE,
        ),
        HeldBack(
            "128 wide",
            ("pe-narrow",),
            _POSITIONS.replace("256", "128") + "pe_similarity = np.dot(pe, pe.T)\n",
            fails=_PE,
        ),
        HeldBack(
            "columns, cut to fit",
            (
                "pe-columns",
                "pe-columns-cut",
            ),
            _POSITIONS + "pe_similarity = (pe.T @ pe)[:128, :128]\n",
            fails=_PE,
        ),
    ),
    "multi_head_attention": (
        HeldBack(
            "triu without k=1",
            ("mha-mask-diagonal",),
            _MATRICES
            + """\
    T, C = x.shape
    q, k, v = (np.split(x @ W, n_heads, axis=1) for W in (W_q, W_k, W_v))
    mask = np.triu(np.full((T, T), -1e9))
    heads = [softmax(a @ b.T / 8 + mask) @ c for a, b, c in zip(q, k, v)]
    return np.concatenate(heads, axis=1) @ W_o
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "the last eight tokens only",
            (),
            _MATRICES
            + """\
    T, C = x.shape
    q, k, v = (np.split(x @ W, n_heads, axis=1) for W in (W_q, W_k, W_v))
    near = np.tri(T) - np.tri(T, k=-8)
    mask = np.where(near > 0, 0, -1e9)
    heads = [softmax(a @ b.T / 8 + mask) @ c for a, b, c in zip(q, k, v)]
    return np.concatenate(heads, axis=1) @ W_o
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "scores times the triangle",
            ("mha-mask-zeros",),
            _MATRICES
            + """\
    T, C = x.shape
    q, k, v = (np.split(x @ W, n_heads, axis=1) for W in (W_q, W_k, W_v))
    heads = []
    for h in range(n_heads):
        scores = np.tri(T) * (q[h] @ k[h].T) / np.sqrt(C / n_heads)
        heads.append(softmax(scores) @ v[h])
    return np.hstack(heads) @ W_o
""",
            fails=_ATTENTION,
        ),
        HeldBack(
            "matrices of three layers in the wrong order",
            ("mha-keys-ask",),
            """\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    W = [params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "kqvo"]
    q, k, v = (np.split(x @ w, n_heads, axis=-1) for w in W[:3])
    scores = [apply_presoftmax_causal_mask(a @ b.T / 8.0) for a, b in zip(q, k)]
    return np.concatenate([softmax(s) @ c for s, c in zip(scores, v)], axis=-1) @ W[3]
""",
            fails=_ATTENTION,
        ),
    ),
    "mlp": (
        HeldBack(
            "no more than 6",
            ("mlp-relu-6",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1, w2 = (params[f"{layer_prefix}.feed_forward.{i}.weight"].T for i in (0, 2))
    return np.clip(x @ w1, 0, 6) @ w2
""",
            fails=_MLP,
        ),
        HeldBack(
            "dropout stays on",
            (),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1, w2 = (params[f"{layer_prefix}.feed_forward.{i}.weight"].T for i in (0, 2))
    h = relu(x @ w1)
    kept = np.random.rand(*h.shape) > 0.1
    return (h * kept / 0.9) @ w2
""",
            fails=_MLP,
        ),
        HeldBack(
            "ReLU after both products",
            ("mlp-relu-twice",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    for i in (0, 2):
        x = relu(np.inner(x, params[f"{layer_prefix}.feed_forward.{i}.weight"]))
    return x
""",
            fails=_MLP,
        ),
        HeldBack(
            "positive parts squared",
            ("mlp-squared",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1, w2 = (params[f"{layer_prefix}.feed_forward.{i}.weight"].T for i in (0, 2))
    return np.square(np.maximum(0, x @ w1)) @ w2
""",
            fails=_MLP,
        ),
    ),
    "prediction_head": (
        HeldBack(
            "the maximum subtracted",
            ("head-maximum-subtracted",),
            """\
def prediction_head(x, params):
    logits = x @ params["fc_out.weight"].T + params["fc_out.bias"]
    return logits - logits.max(axis=-1, keepdims=True)
""",
            fails=_HEAD,
        ),
        HeldBack(
            "sigmoid",
            ("head-sigmoid",),
            """\
def prediction_head(x, params):
    z = np.dot(x, params["fc_out.weight"].T) + params["fc_out.bias"]
    return 1 / (1 + np.exp(-z))
""",
            fails=_HEAD,
        ),
        HeldBack(
            "one bias for each position",
            (
                "head-bias-down",
                "head-bias-by-position",
            ),
            """\
def prediction_head(x, params):
    b = params["fc_out.bias"]
    return x @ params["fc_out.weight"].T + np.resize(b, (len(x), 1))
""",
            fails=_HEAD,
        ),
        HeldBack(
            "four decimals",
            (),
            """\
def prediction_head(x, params):
    return np.round(x @ params["fc_out.weight"].T + params["fc_out.bias"], 4)
""",
            fails=("p2-8-test-fresh",),
        ),
    ),
    "transformer": (
        HeldBack(
            "normalized after each sum",
            (),
            """\
def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for i in range(n_layers):
        x = layer_norm(x + multi_head_attention(x, params, f"layers.{i}"))
        x = layer_norm(x + mlp(x, params, f"layers.{i}"))
    return prediction_head(x, params)
""",
            fails=_TRANSFORMER,
        ),
        HeldBack(
            "counted from one",
            ("transformer-layer-missing",),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for i in range(1, n_layers):
        x = x + multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x = x + mlp(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
            fails=_TRANSFORMER,
        ),
        HeldBack(
            "always the embeddings as a residual",
            (),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    residual = x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for i in range(n_layers):
        x = residual + multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x = residual + mlp(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
            fails=_TRANSFORMER,
        ),
        HeldBack(
            "positions by the token's id",
            (),
            """\
def transformer(tokens, params):
    pe = get_sinusoidal_positional_embeddings(vocab_size, d_model)
    x = embed_tokens(tokens, params) + pe[tokens]
    for i in range(n_layers):
        x = x + multi_head_attention(x, params, f"layers.{i}")
        x = x + mlp(x, params, f"layers.{i}")
    return prediction_head(x, params)
""",
            fails=_TRANSFORMER,
        ),
    ),
    "generate_with_transformer": (
        HeldBack(
            "sampling from the first row",
            ("generate-samples-first-row",),
            _LOOP
            + """\
        if greedy:
            next_token = int(np.argmax(logits[-1]))
        else:
            probs = softmax(logits / temperature)[0]
            next_token = int(np.random.choice(vocab_size, p=probs))
        generated_tokens.append(next_token)
    return enc.decode(generated_tokens)
""",
            fails=("p2-11-test",),
        ),
        HeldBack(
            "tokens put in front",
            ("generate-prepends",),
            _LOOP
            + """\
        z = logits[-1]
        p = softmax(z / temperature)
        next_token = int(z.argmax() if greedy else np.random.choice(len(p), p=p))
        generated_tokens = [next_token] + generated_tokens
    return enc.decode(generated_tokens)
""",
            fails=_GENERATE,
        ),
        HeldBack(
            "repetition penalty",
            (),
            _LOOP
            + """\
        z = np.array(logits[-1])
        for t in set(generated_tokens):
            z[t] = z[t] / 1.2 if z[t] > 0 else z[t] * 1.2
        p = softmax(z / temperature)
        generated_tokens.append(int(np.argmax(z) if greedy else np.random.choice(len(p), p=p)))
    return enc.decode(generated_tokens)
""",
            fails=("p2-11-test-temperature",),
        ),
        HeldBack(
            "top-k of 50",
            ("generate-top-40",),
            _LOOP
            + """\
        z = np.array(logits[-1]) / temperature
        z[z < np.sort(z)[-50]] = -np.inf
        p = softmax(z)
        generated_tokens.append(int(np.argmax(z) if greedy else np.random.choice(len(p), p=p)))
    return enc.decode(generated_tokens)
""",
            fails=("p2-11-test-temperature",),
        ),
        HeldBack(
            "ends with the line",
            ("generate-stops-at-line-end",),
            _LOOP
            + """\
        z = logits[-1]
        p = softmax(z / temperature)
        generated_tokens.append(int(np.argmax(z) if greedy else np.random.choice(len(p), p=p)))
        if enc.decode(generated_tokens[-1:]).endswith("\\n"):
            break
    return enc.decode(generated_tokens)
""",
            fails=("p2-11-test",),
        ),
    ),
}
