"""A student who comes from another language: lists and loops, number by number where time allows.

Products with the large matrices go unit by unit or row by row, and the perplexities are measured
on the beginning of the test text: slow, and right.
"""

from examples.students import assignment5_plain, edited

CODE = assignment5_plain.CODE | {
    "p1-2-solution": '''\
import math
import random


def times(matrix, vector):
    result = []
    for row in matrix:
        total = 0.0
        for a, b in zip(row, vector):
            total += a * b
        result.append(total)
    return result


def softmax_list(y):
    largest = max(y)
    e = [math.exp(a - largest) for a in y]
    total = sum(e)
    return [a / total for a in e]


def pick(p):
    """Walk along the probabilities until the random number is used up."""
    left = random.random()
    for i in range(len(p)):
        left -= p[i]
        if left < 0:
            return i
    return max(range(len(p)), key=lambda i: p[i])


def step_RNN(w, h1, h2, i):
    W_xh1, W_h1h1, b_h1, W_h1h2, W_h2h2, b_h2 = w[:6]
    around = times(W_h1h1, h1)
    new_h1 = []
    for j in range(len(b_h1)):
        new_h1.append(math.tanh(W_xh1[j][i] + around[j] + b_h1[j]))
    up = times(W_h1h2, new_h1)
    around = times(W_h2h2, h2)
    new_h2 = []
    for j in range(len(b_h2)):
        new_h2.append(math.tanh(up[j] + around[j] + b_h2[j]))
    return new_h1, new_h2


def scores_RNN(w, h2):
    return [a + b for a, b in zip(times(w[6], h2), w[7])]


def sample_text_RNN(weights, prompt, N):
    w = [np.array(part).T.tolist() for part in weights]
    h1 = [0.0] * len(w[2])
    h2 = [0.0] * len(w[5])
    output_sentence = ""
    for char in prompt:
        h1, h2 = step_RNN(w, h1, h2, char_to_indices[char])
        output_sentence += char
    while len(output_sentence) < N:
        i = pick(softmax_list(scores_RNN(w, h2)))
        output_sentence += indices_to_char[i]
        h1, h2 = step_RNN(w, h1, h2, i)
    return output_sentence
''',
    "p1-3-solution": '''\
def sigmoid_number(z):
    if z > 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


def step_GRU(weights, h, i):
    """One unit after the other."""
    n = len(h)
    from_x = weights[0][i] + weights[2][0] + weights[2][1]
    new = np.zeros(n)
    for j in range(n):
        u = sigmoid_number(from_x[j] + np.dot(weights[1][:, j], h))
        r = sigmoid_number(from_x[n + j] + np.dot(weights[1][:, n + j], h))
        c = math.tanh(from_x[2 * n + j] + r * np.dot(weights[1][:, 2 * n + j], h))
        new[j] = u * h[j] + (1 - u) * c
    return new


def scores_GRU(weights, h):
    return [np.dot(weights[3][:, i], h) + weights[4][i] for i in range(len(weights[4]))]


def by_columns(weights):
    """The same numbers, columns together in memory, in the type of the states."""
    return [np.array(weights[i], dtype=float, order="F") for i in range(5)]


def sample_text_GRU(weights, prompt, N):
    weights = by_columns(weights)
    h = np.zeros(len(weights[1]))
    output_sentence = ""
    for char in prompt:
        h = step_GRU(weights, h, char_to_indices[char])
        output_sentence += char
    while len(output_sentence) < N:
        i = pick(softmax_list(scores_GRU(weights, h)))
        output_sentence += indices_to_char[i]
        h = step_GRU(weights, h, i)
    return output_sentence
''',
    "p1-4-2-solution": """\
def find_indices(text):
    indices = []
    for char in text:
        if char not in vocabulary:
            raise ValueError("unknown symbol: " + char + " (" + repr(char) + ")")
        indices.append(vocabulary.index(char))
    return indices


def log_probability(y, i):
    largest = max(y)
    total = 0.0
    for a in y:
        total += math.exp(a - largest)
    return y[i] - largest - math.log(total)


def perplexity_RNN(weights, text, m):
    indices = find_indices(text)
    w = [np.array(part).T.tolist() for part in weights]
    h1 = [0.0] * len(w[2])
    h2 = [0.0] * len(w[5])
    total = 0.0
    count = 0
    for t in range(len(text) - 1):
        h1, h2 = step_RNN(w, h1, h2, indices[t])
        if t + 1 >= m:
            total += log_probability(scores_RNN(w, h2), indices[t + 1])
            count += 1
    return math.exp(-total / count)


def perplexity_GRU(weights, text, m):
    indices = find_indices(text)
    weights = by_columns(weights)
    h = np.zeros(len(weights[1]))
    total = 0.0
    count = 0
    for t in range(len(text) - 1):
        h = step_GRU(weights, h, indices[t])
        if t + 1 >= m:
            total += log_probability(scores_GRU(weights, h), indices[t + 1])
            count += 1
    return math.exp(-total / count)
""",
    "p1-4-2-figures": """\
m = 100
beginning = test_text[:600]  # all of it takes too long with my functions
rnn_perplexity = perplexity_RNN(weights_RNN, beginning, m)
gru_perplexity = perplexity_GRU(weights_GRU, beginning, m)
print(rnn_perplexity, gru_perplexity)
""",
    "p2-2a-solution": """\
def embed_tokens(tokens, params):
    rows = []
    for token in tokens:
        rows.append(params["word_embedding.weight"][token])
    return np.array(rows)
""",
    "p2-2b-solution": """\
pe = get_sinusoidal_positional_embeddings(128, 256)

pe_similarity = []
for i in range(128):
    row = []
    for j in range(128):
        row.append(sum(pe[i] * pe[j]))
    pe_similarity.append(row)

sns.heatmap(pe_similarity)
plt.title("Similarity structure of sinusoidal positional embeddings")
plt.xlabel("Position")
plt.ylabel("Position")
plt.show()
""",
    "p2-3-solution": '''\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    """For each head and each position: look at the positions up to it."""
    q = x @ params[f"{layer_prefix}.attention.wq.weight"].T
    k = x @ params[f"{layer_prefix}.attention.wk.weight"].T
    v = x @ params[f"{layer_prefix}.attention.wv.weight"].T
    wo = params[f"{layer_prefix}.attention.wo.weight"].T

    head_dim = d_model // n_heads
    together = np.zeros(q.shape)
    for head in range(n_heads):
        a, b = head * head_dim, (head + 1) * head_dim
        for i in range(len(x)):
            fits = []
            for j in range(i + 1):
                fits.append(float(np.dot(q[i, a:b], k[j, a:b])) / math.sqrt(head_dim))
            p = softmax_list(fits)
            for j in range(i + 1):
                together[i, a:b] += p[j] * v[j, a:b]
    return together @ wo
''',
    "p2-5-solution": """\
def mlp(x, params, layer_prefix="layers.0"):
    w1 = params[f"{layer_prefix}.feed_forward.0.weight"].T
    w2 = params[f"{layer_prefix}.feed_forward.2.weight"].T
    hidden = (x @ w1).tolist()
    for i in range(len(hidden)):
        for j in range(len(hidden[i])):
            if hidden[i][j] < 0:
                hidden[i][j] = 0.0
    return np.array(hidden) @ w2
""",
    "p2-7-solution": """\
def prediction_head(x, params):
    logits = []
    for row in x:
        logits.append(params["fc_out.weight"] @ row + params["fc_out.bias"])
    return np.array(logits)
""",
    "p2-11-solution": edited(
        assignment5_plain.GENERATE,
        ("np.argmax(last)", "list(last).index(max(last))"),
        ("softmax(last / temperature)", "softmax_list([a / temperature for a in last])"),
        ("np.random.choice(len(last), p=probabilities)", "pick(probabilities)"),
    ),
}
