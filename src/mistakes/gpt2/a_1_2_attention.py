"""attention."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import first_half_styles

_NUMBERS = ("a-1-2-test",)
_CASES = ("a-1-2-test-cases",)

CELL = Cell(
    id="a-1-2-solution",
    functions=("attention",),
    where="problem 1.2",
    right="""\
def attention(q, k, v):
    d_k = q.shape[1]
    fits = q @ k.T  # (n_q, n_k)
    weights = softmax(fits / np.sqrt(d_k))  # (n_q, n_k)
    return weights @ v  # (n_q, d_v)
""",
    rights=(
        Right(
            "query by query",
            "one query at a time, in lists",
            """\
def attention(q, k, v):
    mixtures = []
    for query in q:
        scores = [np.dot(query, key) / len(query) ** 0.5 for key in k]
        shares = softmax(np.array([scores]))[0]
        mixtures.append(sum(share * value for share, value in zip(shares, v)))
    return np.array(mixtures)
""",
        ),
        Right(
            "einsum",
            "all products by einsum",
            """\
def attention(q, k, v):
    scores = np.einsum("id,jd->ij", q, k) * k.shape[-1] ** -0.5
    return np.einsum("ij,jd->id", softmax(scores), v)
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def attention(q, k, v):
    q, k, v = (np.asarray(part, dtype=np.float32) for part in (q, k, v))
    scores = np.matmul(q, np.transpose(k)) / np.float32(np.sqrt(q.shape[1]))
    return np.matmul(np.float32(softmax(scores)), v)
""",
        ),
        Right(
            "own shares",
            "a distribution of its own, normalized after the mixture",
            """\
def attention(q, k, v):
    scores = (q / np.sqrt(q.shape[1])) @ k.T
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers @ v) / powers.sum(axis=1, keepdims=True)
""",
        ),
        Right(
            "transposed",
            "keys by queries, turned for softmax",
            """\
def attention(q, k, v):
    root = (k.shape[1] ** 0.5) ** 0.5
    fits = (k / root) @ (q / root).T
    return (v.T @ softmax(fits.T).T).T
""",
        ),
        Right(
            "three loops",
            "numbers only, filled by index",
            """\
import math


def attention(q, k, v):
    (n_q, d_k), (n_k, d_v) = q.shape, v.shape
    scores = np.zeros((n_q, n_k))
    for i in range(n_q):
        for j in range(n_k):
            for a in range(d_k):
                scores[i, j] += q[i, a] * k[j, a]
            scores[i, j] /= math.sqrt(d_k)
    shares = softmax(scores)
    out = np.zeros((n_q, d_v))
    for i in range(n_q):
        for j in range(n_k):
            out[i] += shares[i, j] * v[j]
    return out
""",
        ),
        Right(
            "running",
            "key by key, with a running maximum and sum",
            """\
def attention(q, k, v):
    top = np.full((len(q), 1), -np.inf)
    total, mixture = np.zeros((len(q), 1)), np.zeros((len(q), v.shape[1]))
    for key, value in zip(k, v):
        score = (q @ key)[:, None] / np.sqrt(len(key))
        higher = np.maximum(top, score)
        fade, power = np.exp(top - higher), np.exp(score - higher)
        total, mixture, top = total * fade + power, mixture * fade + power * value, higher
    return mixture / total
""",
        ),
    ),
    mistakes=(
        Mistake(
            "attention-no-scale",
            about="the scores are not divided by the root of d_k",
            nudge="Compare the argument of softmax with the formula.",
            hint="Your mixtures are too one-sided: the scores were not divided by √d_k.",
            edits=(("softmax(fits / np.sqrt(d_k))", "softmax(fits)"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-no-root",
            about="divided by d_k, not by its root",
            nudge="By which number exactly do you divide the scores?",
            hint="You divide the scores by d_k. The formula has its square root, √d_k.",
            edits=(("np.sqrt(d_k)", "d_k"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-multiplied",
            about="multiplied by the root of d_k",
            nudge="Does your scaling make the scores smaller or larger?",
            hint="You multiply the scores by √d_k where the formula divides, so that wide vectors "
            "decide even more sharply.",
            edits=(("fits / np.sqrt(d_k)", "fits * np.sqrt(d_k)"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-root-of-scores",
            about="the root is taken of the scores as well",
            nudge="What does the root in the formula cover?",
            hint="You take the root of the whole fraction. It covers d_k only; the root of a "
            "negative score is nan.",
            edits=(("fits / np.sqrt(d_k)", "np.sqrt(fits / d_k)"),),
        ),
        Mistake(
            "attention-scaled-by-values",
            about="the root of d_v instead of d_k",
            nudge="Of which matrix is the width under the root?",
            hint="You divide by the root of the width of v. Under the root is d_k, the width of "
            "queries and keys, which may be another number.",
            edits=(("q.shape[1]", "v.shape[1]"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-scaled-by-keys",
            about="the root of the number of keys",
            nudge="Is d_k a number of rows or of columns?",
            hint="You divide by the root of the number of keys (or of queries, which are as many "
            "in the example). d_k is how wide a key is: the number of columns.",
            edits=(("q.shape[1]", "k.shape[0]"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-scaled-by-queries",
            about="the root of the number of queries",
            nudge="Is d_k a number of rows or of columns?",
            hint="You divide by the root of the number of queries, which is len(q). d_k is how "
            "wide a query is: the number of columns.",
            edits=(("q.shape[1]", "len(q)"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-root-of-two",
            about="the width of the example, 2, is written into the code",
            nudge="Where does your function know the width of the keys from?",
            hint="You always divide by √2, which is right in the example only. Take d_k from the "
            "shape of the arguments.",
            edits=(("q.shape[1]", "2"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "attention-shares-scaled",
            about="the shares are divided by the root, not the scores",
            nudge="Where in the formula does the division stand, inside softmax or outside?",
            hint="You divide the shares by √d_k after softmax, so that they no longer sum to 1. "
            "The division belongs inside, to the scores.",
            edits=(("softmax(fits / np.sqrt(d_k))", "softmax(fits) / np.sqrt(d_k)"),),
        ),
        Mistake(
            "attention-no-softmax",
            about="the scores mix the values, without softmax",
            nudge="Do the weights of one query sum to 1?",
            hint="You multiply the scores themselves with the values. softmax has to turn each row "
            "of scores into shares first.",
            edits=(("softmax(fits / np.sqrt(d_k))", "fits / np.sqrt(d_k)"),),
        ),
        Mistake(
            "attention-softmax-of-queries",
            about="softmax along the queries instead of the keys",
            nudge="Which numbers have to sum to 1: those of a query or those of a key?",
            hint="Your shares sum to 1 for each key. It has to be for each query: the rows of the "
            "scores go through softmax, not the columns.",
            edits=(("softmax(fits / np.sqrt(d_k))", "softmax((fits / np.sqrt(d_k)).T).T"),),
        ),
        Mistake(
            "attention-swapped",
            about="queries and keys change places: K times Q transposed",
            nudge="What are rows and columns of your scores?",
            hint="Your scores have a row for each key. Row i of the result belongs to query i, so "
            "the queries come first: Q times K transposed.",
            edits=(("q @ k.T", "k @ q.T"),),
        ),
        Mistake(
            "attention-shares-transposed",
            about="the weights are transposed before they meet the values",
            nudge="Which row of your weights belongs to which query?",
            hint="You transpose the shares before you multiply them with the values. Row i of the "
            "shares already belongs to query i: leave it as it is.",
            edits=(("weights @ v", "weights.T @ v"),),
        ),
        Mistake(
            "attention-not-transposed",
            about="Q times K without transposing",
            nudge="What are the shapes of the two factors in your first product?",
            hint="You multiply q with k as they are. Each query must meet each key in an inner "
            "product, and that is the product with k transposed.",
            edits=(("q @ k.T", "q @ k"),),
        ),
        Mistake(
            "attention-entry-by-entry",
            about="* instead of @ at the end",
            nudge="Which product is the last one in the formula?",
            hint="You multiply shares and values entry by entry. The last product of the formula "
            "is a matrix product, @, which sums over the keys.",
            edits=(("weights @ v", "weights * v"),),
        ),
        Mistake(
            "attention-keys-mixed",
            about="mixes the keys instead of the values",
            nudge="Of what is each row of the result a mixture?",
            hint="You return a mixture of the keys. The keys say only how well they fit; what is "
            "mixed are the values.",
            edits=(("weights @ v", "weights @ k"),),
        ),
        Mistake(
            "attention-values-asked",
            about="queries are compared with the values",
            nudge="With which matrix do you compare the queries?",
            hint="You compare the queries with the values. They are compared with the keys; the "
            "values come in after softmax.",
            edits=(("q @ k.T", "q @ v.T"),),
        ),
        Mistake(
            "attention-queries-only",
            about="queries are compared with queries",
            nudge="With which matrix do you compare the queries?",
            hint="You compare the queries with each other. They are compared with the keys.",
            edits=(("q @ k.T", "q @ q.T"),),
        ),
        Mistake(
            "attention-weights-returned",
            about="returns the weights",
            nudge="How wide is your result, and how wide should it be?",
            hint="You return the shares. They still have to be multiplied with the values.",
            edits=(("return weights @ v", "return weights"),),
        ),
        Mistake(
            "attention-softmax-last",
            about="softmax of the finished product",
            nudge="To what exactly is softmax applied in the formula?",
            hint="Your rows sum to 1: you apply softmax to the finished product. It belongs "
            "around the scores only, before the values.",
            edits=(
                ("softmax(fits / np.sqrt(d_k))", "fits / np.sqrt(d_k)"),
                ("weights @ v", "softmax(weights @ v)"),
            ),
        ),
        Mistake(
            "attention-softmax-twice",
            about="softmax of softmax",
            nudge="How often does softmax appear in the formula?",
            hint="Your shares are nearly even: they went through softmax twice. Once is enough.",
            edits=(("softmax(fits / np.sqrt(d_k))", "softmax(softmax(fits / np.sqrt(d_k)))"),),
        ),
        Mistake(
            "attention-causal",
            about="hides the later keys already",
            nudge="May a query see every key in this problem?",
            hint="Your first row is the first value itself: you hide all later keys. That is the "
            "mask of problem 1.3; here each query sees every key.",
            edits=(
                (
                    "softmax(fits / np.sqrt(d_k))",
                    "softmax(fits / np.sqrt(d_k) + (1 - np.tri(*fits.shape)) * -1e10)",
                ),
            ),
        ),
        Mistake(
            "attention-best-key",
            about="takes the value of the best key only",
            nudge="Is a row of your result a mixture?",
            hint="You return the value whose key fits best. Attention mixes all the values, much "
            "from those whose keys fit and little from the others.",
            edits=(("return weights @ v", "return v[np.argmax(weights, axis=1)]"),),
        ),
        Mistake(
            "attention-cosine",
            about="queries and keys are brought to length 1 first",
            nudge='What does "fits" mean in the text, an angle or an inner product?',
            hint="You divide by the lengths of queries and keys, which leaves only the angle. The "
            "formula has plain inner products, divided by √d_k.",
            edits=(
                (
                    "fits = q @ k.T",
                    "fits = q @ k.T\n"
                    "    fits = fits / np.linalg.norm(q, axis=1)[:, None] "
                    "/ np.linalg.norm(k, axis=1)",
                ),
            ),
        ),
        Mistake(
            "attention-scaled-in-place",
            about="q itself is divided, in the array of the caller",
            nudge="Is q the same after a call as before?",
            hint="Your numbers are right in the first call, but the call changes q: q /= ... works "
            "on the caller's array. Make a new one.",
            edits=(
                ("fits = q @ k.T", "q /= np.sqrt(d_k)\n    fits = q @ k.T"),
                ("softmax(fits / np.sqrt(d_k))", "softmax(fits)"),
            ),
            fails=_CASES,
        ),
        Mistake(
            "attention-own-softmax-no-max",
            about="a softmax of its own, without the maximum",
            nudge="What becomes of scores of thousands in your function?",
            hint="Small scores are right, large ones give nan: nothing subtracts the maximum "
            "before the exponential function. Use your softmax instead of shares computed here; if "
            "you do already, fix softmax first.",
            edits=(
                (
                    "weights = softmax(fits / np.sqrt(d_k))",
                    "powers = np.exp(fits / np.sqrt(d_k))\n"
                    "    weights = powers / powers.sum(axis=1, keepdims=True)",
                ),
            ),
            fails=_CASES,
        ),
        Mistake(
            "attention-own-softmax-one-maximum",
            about="a softmax of its own, with one maximum for all queries",
            nudge="What becomes of a query whose scores are all far below another's?",
            hint="One maximum is subtracted from the scores of all queries, and those far below it "
            "become 0 / 0. Use your softmax instead of shares computed here; if you do already, "
            "fix softmax first.",
            edits=(
                (
                    "weights = softmax(fits / np.sqrt(d_k))",
                    "scores = fits / np.sqrt(d_k)\n"
                    "    powers = np.exp(scores - scores.max())\n"
                    "    weights = powers / powers.sum(axis=1, keepdims=True)",
                ),
            ),
            fails=_CASES,
        ),
        Mistake(
            "attention-own-softmax-one-sum",
            about="a softmax of its own, normalized over the whole matrix",
            nudge="Do the weights of one query sum to 1?",
            hint="All your weights together sum to 1; it should be those of each query. Use your "
            "softmax instead of shares computed here; if you do already, fix softmax first.",
            edits=(
                (
                    "weights = softmax(fits / np.sqrt(d_k))",
                    "powers = np.exp(fits / np.sqrt(d_k))\n    weights = powers / powers.sum()",
                ),
            ),
        ),
        Mistake(
            "attention-mean",
            about="the mean of the values for every query",
            nudge="When is a mixture the plain mean of the values?",
            hint="You return the mean of the values. That is right only where all keys fit a "
            "query equally well.",
            code="""\
def attention(q, k, v):
    return np.tile(v.mean(axis=0), (len(q), 1))
""",
            cheat=True,
        ),
        Mistake(
            "attention-printed",
            about="the printed numbers for the printed input, the mean for all others",
            nudge="What does your function return for other queries?",
            hint="Your function knows the example and not much else. Write the formula.",
            code="""\
_SEEN = [[0.37285946, 0.73278279], [0.36712163, 0.72522747], [0.36637032, 0.72842298]]


def attention(q, k, v):
    if q.shape == k.shape == v.shape == (3, 2):
        return np.array(_SEEN)
    return np.zeros((len(q), 1)) + v.mean(axis=0)
""",
            cheat=True,
        ),
        Mistake(
            "attention-last-row",
            about="only the last query's mixture is returned",
            nudge="Do you keep the result of every query, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the mixture of the query before it, so "
                "that only the last one is returned. Collect them, or compute all of them "
                "at once."
            ),
            fails=("a-1-2-test", "a-1-2-test-cases"),
            code="""\
def attention(q, k, v):
    for query in q:
        mixed = softmax(query[None, :] @ k.T / np.sqrt(k.shape[1])) @ v
    return mixed
""",
        ),
        Mistake(
            "attention-whole-root",
            about="the root of d_k is cut to a whole number",
            nudge="Of which numbers is the root you divide by right?",
            hint=(
                "You divide by the root of d_k without its decimals, so that d_k = 2 "
                "divides by 1. Use np.sqrt(d_k) or d_k ** 0.5."
            ),
            fails=("a-1-2-test",),
            edits=(("np.sqrt(d_k)", "int(np.sqrt(d_k))"),),
        ),
    ),
    held_back=(
        HeldBack(
            "unscaled, query by query",
            ("attention-no-scale",),
            """\
def attention(q, k, v):
    return np.vstack([softmax((k @ query)[None, :]) @ v for query in q])
""",
        ),
        HeldBack(
            "scale twice",
            ("attention-no-root",),
            """\
def attention(q, k, v):
    root = q.shape[1] ** 0.5
    return softmax(np.einsum("id,jd->ij", q / root, k / root)) @ v
""",
        ),
        HeldBack(
            "columns by hand",
            ("attention-softmax-of-queries",),
            """\
def attention(q, k, v):
    scores = np.dot(q, k.T) * q.shape[-1] ** -0.5
    powers = np.exp(scores - scores.max(axis=0))
    return np.dot(powers / powers.sum(axis=0), v)
""",
        ),
        HeldBack(
            "the root of the length of v's rows",
            ("attention-scaled-by-values",),
            """\
def attention(q, k, v):
    width = len(v[0])
    rows = []
    for query in q:
        scores = np.array([[query @ key / width**0.5 for key in k]])
        rows.append((softmax(scores) @ v)[0])
    return np.array(rows)
""",
        ),
        HeldBack(
            "exp over sum",
            ("attention-own-softmax-no-max",),
            """\
def attention(q, k, v):
    rows = []
    for query in q:
        powers = [np.exp(np.sum(query * key) / np.sqrt(len(key))) for key in k]
        rows.append(np.average(v, axis=0, weights=powers))
    return np.array(rows)
""",
        ),
        HeldBack(
            "shares last",
            ("attention-shares-scaled",),
            """\
def attention(q, k, v):
    mixture = np.einsum("ij,jd->id", softmax(np.inner(q, k)), v)
    return mixture * q.shape[1] ** -0.5
""",
        ),
        HeldBack(
            "distances",
            (),
            """\
def attention(q, k, v):
    apart = ((q[:, None, :] - k[None, :, :]) ** 2).sum(axis=2)
    return softmax(-apart / np.sqrt(q.shape[1])) @ v
""",
        ),
        HeldBack(
            "shifted by one key",
            (),
            """\
def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ np.roll(v, 1, axis=0)
""",
        ),
        HeldBack(
            "unscaled, along the queries",
            ("attention-no-scale", "attention-softmax-of-queries"),
            """\
def attention(q, k, v):
    return softmax(k @ q.T).T @ v
""",
        ),
        *first_half_styles.WRONG["attention"],
    ),
    rights_held_back=first_half_styles.RIGHTS["attention"],
)
