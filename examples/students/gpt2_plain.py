"""A student who follows the text step by step: everything right, one line for each formula.

Others share this way of writing; their modules and the list of the class say what they changed.
"""

SOFTMAX = '''\
def softmax(x):
    """Turn each row of scores (n, K) into a distribution (n, K)."""
    largest = np.max(x, axis=1, keepdims=True)
    e = np.exp(x - largest)
    total = np.sum(e, axis=1, keepdims=True)
    return e / total
'''

ATTENTION = '''\
def attention(q, k, v):
    """Mix the values v (n_k, d_v) for each query in q (n_q, d_k) by how its key in k fits."""
    d_k = k.shape[1]
    scores = np.dot(q, k.T) / np.sqrt(d_k)
    weights = softmax(scores)
    return np.dot(weights, v)
'''

MASKED = '''\
def masked_attention(q, k, v, mask):
    """Like attention, with mask (n_q, n_k) added to the scores."""
    d_k = k.shape[1]
    scores = np.dot(q, k.T) / np.sqrt(d_k)
    scores = scores + mask
    weights = softmax(scores)
    return np.dot(weights, v)
'''

LINEAR = '''\
def linear_projection(x, w, b):
    """Project each row of x (n, d_in) with w (d_in, d_out) and add the bias b."""
    return np.dot(x, w) + b
'''

MULTI_HEAD = '''\
def multi_head_attention(x, attn, number_of_heads):
    """Let each position of x (n, d) attend to itself and those before it, head by head."""
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10  # (n, n)

    d = x.shape[1]
    width = d // number_of_heads
    qkv = linear_projection(x, w_1, b_1)
    q = qkv[:, :d]
    k = qkv[:, d : 2 * d]
    v = qkv[:, 2 * d :]
    heads = []
    for i in range(number_of_heads):
        own = slice(i * width, (i + 1) * width)
        heads.append(masked_attention(q[:, own], k[:, own], v[:, own], mask))
    merged = np.hstack(heads)
    x = linear_projection(merged, w_2, b_2)
    return x
'''

GELU = '''\
def gelu(x):
    """Apply GPT-2's activation function to each entry of x (n, d)."""
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))
'''

NORM = '''\
def layer_normalization(x, g, b):
    """Bring each row of x (n, H) to mean 0 and variance 1, then scale with g and shift by b."""
    mu = np.mean(x, axis=1, keepdims=True)
    sigma = np.var(x, axis=1, keepdims=True)
    n = (x - mu) / np.sqrt(sigma + 1e-5)
    return g * n + b
'''

FEED_FORWARD = '''\
def feed_forward_network(x, mlp):
    """Project each position of x (n, d) to d_ff, bend it, and project it back."""
    w_1, b_1 = mlp["c_fc"]["w"], mlp["c_fc"]["b"]
    w_2, b_2 = mlp["c_proj"]["w"], mlp["c_proj"]["b"]

    x = linear_projection(x, w_1, b_1)
    x = gelu(x)
    x = linear_projection(x, w_2, b_2)
    return x
'''

BLOCK = '''\
def transformer_block(x, block, number_of_heads):
    """Let the positions of x (n, d) listen to each other, then think, each adding to x."""
    attn, mlp = block["attn"], block["mlp"]
    g_1, b_1 = block["ln_1"]["g"], block["ln_1"]["b"]
    g_2, b_2 = block["ln_2"]["g"], block["ln_2"]["b"]

    a = layer_normalization(x, g_1, b_1)
    a = multi_head_attention(a, attn, number_of_heads)
    x = x + a
    f = layer_normalization(x, g_2, b_2)
    f = feed_forward_network(f, mlp)
    x = x + f
    return x
'''

GPT2 = '''\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    """Score every token of the vocabulary as the next one, after each of the n inputs."""
    g_final, b_final = ln_f["g"], ln_f["b"]

    # 1. sum word and positional encoding
    x = wte[inputs] + wpe[range(len(inputs))]  # (n, d)

    # 2. all blocks
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)

    # 3. the last normalization
    x = layer_normalization(x, g_final, b_final)

    # 4. map back from embedding to vocabulary
    return x @ wte.T  # (n, n_vocab)
'''

CODE = {
    "a-1-1-solution": SOFTMAX,
    "a-1-2-solution": ATTENTION,
    "a-1-3-solution": MASKED,
    "a-2-1-solution": LINEAR,
    "a-2-2-solution": MULTI_HEAD,
    "b-1-1-solution": GELU,
    "b-1-2-solution": NORM,
    "b-2-1-solution": FEED_FORWARD,
    "b-2-2-solution": BLOCK,
    "b-2-3-solution": GPT2,
}

FIRST_HALF = {cell: source for cell, source in CODE.items() if cell.startswith("a-")}
