"""A student who comes from another language: lists and loops, number by number where time allows.

Products with the large matrices go column by column, and the examples are short: slow, and right.
"""

from examples.students import gpt2_plain

CODE = gpt2_plain.CODE | {
    "a-1-1-solution": """\
import math


def softmax(x):
    rows = []
    for row in x:
        largest = max(row)
        e = []
        for z in row:
            e.append(math.exp(z - largest))
        total = 0.0
        for number in e:
            total += number
        rows.append([number / total for number in e])
    return np.array(rows)
""",
    "a-1-2-solution": """\
def inner(a, b):
    total = 0.0
    for i in range(len(a)):
        total = total + a[i] * b[i]
    return total


def mix(q, k, v, mask):
    root = math.sqrt(len(k[0]))
    q, k = np.asarray(q).tolist(), np.asarray(k).tolist()
    result = np.zeros((len(q), len(v[0])))
    for i in range(len(q)):
        fits = []
        for j in range(len(k)):
            if mask[i][j] < -1e9:
                fits.append(-1e10)  # no need to look at the key
            else:
                fits.append(inner(q[i], k[j]) / root + mask[i][j])
        shares = softmax([fits])[0]
        for j in range(len(k)):
            result[i] += shares[j] * v[j]
    return result


def attention(q, k, v):
    nothing = [[0.0] * len(k) for _ in q]
    return mix(q, k, v, nothing)
""",
    "a-1-3-solution": """\
def masked_attention(q, k, v, mask):
    return mix(q, k, v, mask)
""",
    "a-2-1-solution": """\
def linear_projection(x, w, b):
    result = np.zeros((x.shape[0], w.shape[1]))
    for column in range(w.shape[1]):
        result[:, column] = x.dot(w[:, column])
    return result + b
""",
    "b-1-1-solution": """\
def gelu(x):
    c = math.sqrt(2 / math.pi)
    rows = []
    for row in np.asarray(x).tolist():
        rows.append([0.5 * a * (1 + math.tanh(c * (a + 0.044715 * a * a * a))) for a in row])
    return np.array(rows)
""",
    "b-1-2-solution": """\
def layer_normalization(x, g, b):
    rows = []
    for row in np.asarray(x, dtype=float).tolist():
        mu = sum(row) / len(row)
        sigma = sum((a - mu) ** 2 for a in row) / len(row)
        rows.append([(a - mu) / math.sqrt(sigma + 1e-5) for a in row])
    return np.array(rows) * g + b
""",
    "b-2-3-solution": gpt2_plain.GPT2.replace(
        "for block in blocks:", "for i in range(len(blocks)):"
    ).replace("transformer_block(x, block, ", "transformer_block(x, blocks[i], "),
    "b-2-4-own": """\
from pathlib import Path

texts = []
for start in ["HERMIA:\\n", "The moon", "My lord, the bread is"]:
    texts.append(start + generate(start, n_tokens_to_generate=8))  # more takes too long
Path("2_4.txt").write_text("\\n\\n".join(texts))
print("\\n\\n".join(texts))
""",
}
