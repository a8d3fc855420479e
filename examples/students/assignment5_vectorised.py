"""A student who thinks in whole arrays: einsum, all heads at once, no loop that can be avoided."""

from examples.students import assignment5_plain

CODE = assignment5_plain.CODE | {
    "p1-2-solution": '''\
def read_rnn(weights, h, i):
    """Both layers as one step: h holds the two states."""
    wx, wh, b1, wx2, wh2, b2 = weights[:6]
    h1 = np.tanh(wx[i] + h[0] @ wh + b1)  # row i of wx is what a one-hot would pick
    return h1, np.tanh(h1 @ wx2 + h[1] @ wh2 + b2)


def draw(y):
    """Gumbel's trick: the largest of y + noise is a draw with the probabilities of softmax(y)."""
    return int(np.argmax(y - np.log(-np.log(np.random.uniform(size=len(y))))))


def sample_text_RNN(weights, prompt, N):
    """Continue a prompt with a pretrained RNN of two layers."""
    h = np.zeros_like(weights[2]), np.zeros_like(weights[5])
    ids = [char_to_indices[char] for char in prompt]
    for i in ids:
        h = read_rnn(weights, h, i)
    while len(ids) < N:
        ids.append(draw(h[1] @ weights[6] + weights[7]))
        h = read_rnn(weights, h, ids[-1])
    return "".join(map(indices_to_char.get, ids))
''',
    "p1-3-solution": '''\
def read_gru(weights, h, i):
    """All three kernels in one product."""
    n = len(h)
    a = weights[0][i] + weights[2].sum(axis=0)  # (3 n,)
    r = h @ weights[1]  # (3 n,)
    gate_u, gate_r = np.split(sigmoid(a[: 2 * n] + r[: 2 * n]), 2)
    return gate_u * h + (1 - gate_u) * np.tanh(a[2 * n :] + gate_r * r[2 * n :])


def sample_text_GRU(weights, prompt, N):
    """Continue a prompt with a pretrained GRU."""
    h = np.zeros(weights[1].shape[0], dtype=weights[1].dtype)
    ids = [char_to_indices[char] for char in prompt]
    for i in ids:
        h = read_gru(weights, h, i)
    while len(ids) < N:
        ids.append(draw(h @ weights[3] + weights[4]))
        h = read_gru(weights, h, ids[-1])
    return "".join(map(indices_to_char.get, ids))
''',
    "p1-4-2-solution": '''\
def to_ids(text):
    try:
        return np.array([char_to_indices[char] for char in text])
    except KeyError as error:
        raise ValueError(f"the vocabulary does not have {error}") from error


def perplexity_of(y, targets):
    """From all the scores at once, (n, V): the mean of log-sum-exp minus the target's score."""
    log_total = np.logaddexp.reduce(y, axis=1)  # (n,)
    return np.exp(np.mean(log_total - y[np.arange(len(y)), targets], dtype=np.float64))


def perplexity_RNN(weights, text, m):
    ids = to_ids(text)
    h = np.zeros_like(weights[2]), np.zeros_like(weights[5])
    states = []
    for i in ids[:-1]:
        h = read_rnn(weights, h, i)
        states.append(h[1])
    return perplexity_of(np.array(states[m - 1 :]) @ weights[6] + weights[7], ids[m:])


def perplexity_GRU(weights, text, m):
    ids = to_ids(text)
    h = np.zeros(weights[1].shape[0], dtype=weights[1].dtype)
    states = []
    for i in ids[:-1]:
        h = read_gru(weights, h, i)
        states.append(h)
    return perplexity_of(np.array(states[m - 1 :]) @ weights[3] + weights[4], ids[m:])
''',
    "p2-2a-solution": '''\
def embed_tokens(tokens, params):
    """Embed tokens using the input embeddings."""
    return np.take(params["word_embedding.weight"], tokens, axis=0)
''',
    "p2-2b-solution": """\
pe = get_sinusoidal_positional_embeddings(128, 256)
pe_similarity = np.einsum("id,jd->ij", pe, pe)

sns.heatmap(pe_similarity)
plt.title("Similarity structure of sinusoidal positional embeddings")
plt.xlabel("Position")
plt.ylabel("Position")
plt.show()
""",
    "p2-3-solution": '''\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    """Compute causal multi-head self-attention, all heads at once."""
    w = {c: params[f"{layer_prefix}.attention.w{c}.weight"] for c in "qkvo"}
    n, heads = x.shape[0], (x.shape[0], n_heads, -1)
    q, k, v = ((x @ w[c].T).reshape(heads) for c in "qkv")  # (n, n_heads, head_dim)
    scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(d_model / n_heads)
    scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
    a = softmax(scores)  # (n_heads, n, n)
    return np.einsum("hij,jhd->ihd", a, v).reshape(n, d_model) @ w["o"].T
''',
    "p2-5-solution": '''\
def mlp(x, params, layer_prefix="layers.0"):
    """Apply a layer's feed-forward network to each row of x, shape (n, d_model)."""
    w1, w2 = (params[f"{layer_prefix}.feed_forward.{i}.weight"] for i in (0, 2))
    h = np.einsum("nd,fd->nf", x, w1, optimize=True)
    return np.einsum("nf,df->nd", np.where(h > 0, h, 0), w2, optimize=True)
''',
    "p2-7-solution": """\
def prediction_head(x, params):
    return np.einsum("nd,vd->nv", x, params["fc_out.weight"], optimize=True) + params["fc_out.bias"]
""",
    "p2-9-solution": """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for prefix in (f"layers.{i}" for i in range(n_layers)):
        x = x + multi_head_attention(x, params, prefix)
        x = x + mlp(x, params, prefix)
    return prediction_head(x, params)
""",
    "p2-11-solution": """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        y = transformer(tokens, params)[-1]
        tokens.append(int(y.argmax()) if greedy else draw(y / temperature))
    return enc.decode(tokens)
""",
}
