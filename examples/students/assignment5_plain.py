"""A student who follows the text step by step: everything right, one line for each formula.

Others share this way of writing; their modules and the list of the class say what they changed.
"""

RNN = '''\
def sample_text_RNN(weights, prompt, N):
    """Continue the prompt with the RNN until the text has N characters."""
    # First recurrent layer
    W_xh1 = weights[0].T
    W_h1h1 = weights[1].T
    b_h1 = np.expand_dims(weights[2], axis=1)

    # Second recurrent layer
    W_h1h2 = weights[3].T
    W_h2h2 = weights[4].T
    b_h2 = np.expand_dims(weights[5], axis=1)

    # Linear (dense) layer
    W_h2y = weights[6].T
    b_y = np.expand_dims(weights[7], axis=1)

    h1 = np.zeros((W_h1h1.shape[0], 1), dtype=W_h1h1.dtype)
    h2 = np.zeros((W_h2h2.shape[0], 1), dtype=W_h2h2.dtype)

    output_sentence = ""

    def one_hot(char):
        x = np.zeros((W_xh1.shape[1], 1), dtype=W_xh1.dtype)
        x[char_to_indices[char]] = 1
        return x

    # read the prompt
    for char in prompt:
        h1 = np.tanh(W_xh1 @ one_hot(char) + W_h1h1 @ h1 + b_h1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)
    y = W_h2y @ h2 + b_y
    output_sentence = prompt

    # write
    for _ in range(N - len(prompt)):
        p = np.exp(y - np.max(y))
        p = p / np.sum(p)
        index = np.random.choice(len(p), p=p.ravel())
        char = indices_to_char[index]
        output_sentence += char
        h1 = np.tanh(W_xh1 @ one_hot(char) + W_h1h1 @ h1 + b_h1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)
        y = W_h2y @ h2 + b_y

    return output_sentence
'''

GRU = '''\
def sample_text_GRU(weights, prompt, N):
    """Continue the prompt with the GRU until the text has N characters."""
    # GRU layer
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3, axis=0)
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3, axis=0)

    bias = np.sum(weights[2], axis=0)
    b_u, b_r, b_h = np.split(np.expand_dims(bias, axis=1), 3)

    # Linear (dense) layer
    W_y = weights[3].T
    b_y = np.expand_dims(weights[4], axis=1)

    h = np.zeros((W_hh.shape[0], 1), dtype=W_hh.dtype)

    output_sentence = ""
    to_read = prompt
    while True:
        for char in to_read:
            x = np.zeros((W_ux.shape[1], 1), dtype=W_ux.dtype)
            x[char_to_indices[char]] = 1
            u = sigmoid(W_ux @ x + W_uh @ h + b_u)
            r = sigmoid(W_rx @ x + W_rh @ h + b_r)
            c = np.tanh(W_hx @ x + r * (W_hh @ h) + b_h)
            h = u * h + (1 - u) * c
        output_sentence += to_read
        if len(output_sentence) >= N:
            break
        y = W_y @ h + b_y
        p = np.exp(y - np.max(y))
        p = p / np.sum(p)
        to_read = indices_to_char[np.random.choice(len(p), p=p.ravel())]

    return output_sentence
'''

PERPLEXITY = '''\
def check_symbols(text):
    for char in text:
        if char not in char_to_indices:
            raise ValueError(f"{char!r} is not in the vocabulary")


def perplexity_RNN(weights, text, m):
    """Return the perplexity of an RNN on text[m:], after reading the prompt text[:m]."""
    check_symbols(text)
    W_xh1, W_h1h1 = weights[0].T, weights[1].T
    W_h1h2, W_h2h2 = weights[3].T, weights[4].T
    b_h1, b_h2, b_y = weights[2], weights[5], weights[7]
    W_h2y = weights[6].T
    h1 = np.zeros(len(b_h1), dtype=b_h1.dtype)
    h2 = np.zeros(len(b_h2), dtype=b_h2.dtype)

    N = len(text)
    log_p = 0.0
    for t in range(N - 1):
        h1 = np.tanh(W_xh1[:, char_to_indices[text[t]]] + W_h1h1 @ h1 + b_h1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)
        if t >= m - 1:
            y = W_h2y @ h2 + b_y
            y = y - np.max(y)
            p = np.exp(y) / np.sum(np.exp(y))
            log_p += float(np.log(p[char_to_indices[text[t + 1]]]))
    perplexity = np.exp(-log_p / (N - m))
    return perplexity


def perplexity_GRU(weights, text, m):
    """Return the perplexity of a GRU on text[m:]; everything else as in perplexity_RNN."""
    check_symbols(text)
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3, axis=0)
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3, axis=0)
    b_u, b_r, b_h = np.split(np.sum(weights[2], axis=0), 3)
    W_y, b_y = weights[3].T, weights[4]
    h = np.zeros(len(b_h), dtype=b_h.dtype)

    N = len(text)
    log_p = 0.0
    for t in range(N - 1):
        i = char_to_indices[text[t]]
        u = sigmoid(W_ux[:, i] + W_uh @ h + b_u)
        r = sigmoid(W_rx[:, i] + W_rh @ h + b_r)
        c = np.tanh(W_hx[:, i] + r * (W_hh @ h) + b_h)
        h = u * h + (1 - u) * c
        if t >= m - 1:
            y = W_y @ h + b_y
            y = y - np.max(y)
            p = np.exp(y) / np.sum(np.exp(y))
            log_p += float(np.log(p[char_to_indices[text[t + 1]]]))
    perplexity = np.exp(-log_p / (N - m))
    return perplexity
'''

EMBED = '''\
def embed_tokens(tokens, params):
    """Embed tokens using the input embeddings."""
    embeddings = params["word_embedding.weight"]

    embedded_tokens = embeddings[tokens, :]

    return embedded_tokens
'''

SIMILARITY = """\
pe = get_sinusoidal_positional_embeddings(128, 256)

pe_similarity = np.dot(pe, pe.T)

sns.heatmap(pe_similarity)
plt.title("Similarity structure of sinusoidal positional embeddings")
plt.xlabel("Position")
plt.ylabel("Position")
plt.show()
"""

ATTENTION = '''\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    """Compute causal multi-head self-attention."""
    wq = params[f"{layer_prefix}.attention.wq.weight"].T
    wk = params[f"{layer_prefix}.attention.wk.weight"].T
    wv = params[f"{layer_prefix}.attention.wv.weight"].T
    wo = params[f"{layer_prefix}.attention.wo.weight"].T

    head_dim = d_model // n_heads
    attn_scale = 1 / math.sqrt(head_dim)

    wq = wq.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)
    wk = wk.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)
    wv = wv.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)

    head_outputs = []
    for head in range(n_heads):
        wqh = wq[head]
        wkh = wk[head]
        wvh = wv[head]

        # queries, keys, values
        q = np.dot(x, wqh)
        k = np.dot(x, wkh)
        v = np.dot(x, wvh)

        # scores
        attn_scores = np.dot(q, k.T) * attn_scale

        # mask, then normalise
        attn_scores = apply_presoftmax_causal_mask(attn_scores)
        attn_scores = softmax(attn_scores)

        # apply them to the values
        head_out = np.dot(attn_scores, v)
        head_outputs.append(head_out)

    head_outputs = np.hstack(head_outputs)
    output = np.dot(head_outputs, wo)

    return output
'''

MLP = '''\
def mlp(x, params, layer_prefix="layers.0"):
    """Apply a layer's feed-forward network to each row of x, shape (n, d_model)."""
    w1 = params[f"{layer_prefix}.feed_forward.0.weight"].T
    w2 = params[f"{layer_prefix}.feed_forward.2.weight"].T

    hidden = relu(np.dot(x, w1))
    o = np.dot(hidden, w2)

    return o
'''

HEAD = '''\
def prediction_head(x, params):
    """Return one logit per row of x (n, d_model) and token of the vocabulary."""
    w = params["fc_out.weight"].T
    b = params["fc_out.bias"]

    logits = np.dot(x, w) + b

    return logits
'''

TRANSFORMER = '''\
def transformer(tokens, params):
    """Return the logits (n, vocab_size) of the token after each position."""
    x = embed_tokens(tokens, params)

    pe = get_sinusoidal_positional_embeddings(x.shape[0], x.shape[1])
    x = x + pe

    for i in range(n_layers):
        attn_out = multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x = x + attn_out

        mlp_out = mlp(x, params, layer_prefix=f"layers.{i}")
        x = x + mlp_out

    logits = prediction_head(x, params)
    return logits
'''

GENERATE = '''\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    """Continue a text by max_len tokens and return all of it."""
    generated_tokens = list(enc.encode(prefix_text))

    for _ in tqdm(range(max_len), desc="writing", leave=False):
        logits = transformer(generated_tokens, params)
        last = logits[-1]
        if greedy:
            next_token = np.argmax(last)
        else:
            probabilities = softmax(last / temperature)
            next_token = np.random.choice(len(last), p=probabilities)

        generated_tokens.append(int(next_token))

    return enc.decode(generated_tokens)
'''

CODE = {
    "p1-2-solution": RNN,
    "p1-3-solution": GRU,
    "p1-4-2-solution": PERPLEXITY,
    "p2-2a-solution": EMBED,
    "p2-2b-solution": SIMILARITY,
    "p2-3-solution": ATTENTION,
    "p2-5-solution": MLP,
    "p2-7-solution": HEAD,
    "p2-9-solution": TRANSFORMER,
    "p2-11-solution": GENERATE,
}

FIRST_HALF = {cell: CODE[cell] for cell in ("p1-2-solution", "p1-3-solution", "p1-4-2-solution")}
