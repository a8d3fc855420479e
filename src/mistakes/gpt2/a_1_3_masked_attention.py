"""masked_attention."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import first_half_styles

_NUMBERS = ("a-1-3-test",)
_MASK = ("a-1-3-test-mask",)

CELL = Cell(
    id="a-1-3-solution",
    functions=("masked_attention",),
    where="problem 1.3",
    right="""\
def masked_attention(q, k, v, mask):
    d_k = q.shape[1]
    fits = q @ k.T / np.sqrt(d_k)  # (n_q, n_k)
    scores = fits + mask  # (n_q, n_k)
    weights = softmax(scores)  # (n_q, n_k)
    return weights @ v  # (n_q, d_v)
""",
    rights=(
        Right(
            "query by query",
            "one query at a time, in lists",
            """\
def masked_attention(q, k, v, mask):
    mixtures = []
    for query, extras in zip(q, mask):
        scores = [
            np.dot(query, key) / len(query) ** 0.5 + extra for key, extra in zip(k, extras)
        ]
        shares = softmax(np.array([scores]))[0]
        mixtures.append(sum(share * value for share, value in zip(shares, v)))
    return np.array(mixtures)
""",
        ),
        Right(
            "einsum",
            "all products by einsum",
            """\
def masked_attention(q, k, v, mask):
    scores = np.einsum("id,jd->ij", q, k) * k.shape[-1] ** -0.5
    return np.einsum("ij,jd->id", softmax(scores + mask), v)
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def masked_attention(q, k, v, mask):
    q, k, v, mask = (np.asarray(part, dtype=np.float32) for part in (q, k, v, mask))
    scores = np.matmul(q, k.T) / np.float32(q.shape[1] ** 0.5)
    return np.matmul(np.float32(softmax(scores + mask)), v)
""",
        ),
        Right(
            "by attention",
            "the mask as more columns of queries and keys",
            """\
def masked_attention(q, k, v, mask):
    n_k, d_k = k.shape
    wide = d_k + n_k
    queries = np.hstack([q * np.sqrt(wide / d_k), mask * np.sqrt(wide)])
    return attention(queries, np.hstack([k, np.eye(n_k)]), v)
""",
        ),
        Right(
            "own shares",
            "a distribution of its own, normalized after the mixture",
            """\
def masked_attention(q, k, v, mask):
    scores = q.dot(k.T) / np.sqrt(k.shape[1]) + mask
    powers = np.exp(scores - scores.max(axis=1)[:, None])
    return powers.dot(v) / powers.sum(axis=1)[:, None]
""",
        ),
        Right(
            "infinite",
            "what is hidden is minus infinity",
            """\
def masked_attention(q, k, v, mask):
    scores = np.inner(q, k) / np.sqrt(q.shape[1])
    scores = np.where(mask < -1e9, -np.inf, scores + mask)
    return np.inner(softmax(scores), v.T)
""",
        ),
        Right(
            "visible keys",
            "hidden keys are left out of each query's sum",
            """\
def masked_attention(q, k, v, mask):
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        seen = np.flatnonzero(mask[i] > -1e9)
        scores = k[seen] @ q[i] / np.sqrt(len(q[i])) + mask[i, seen]
        out[i] = (softmax(scores[None, :]) @ v[seen])[0]
    return out
""",
        ),
        *first_half_styles.KINDS["masked_attention"],
    ),
    mistakes=(
        Mistake(
            "masked-no-mask",
            about="the mask is not used",
            nudge="Does your result change when the mask does?",
            hint="Your numbers are those of plain attention: the mask is never added. It joins "
            "the scores before softmax.",
            edits=(("fits + mask", "fits"),),
        ),
        Mistake(
            "masked-negated",
            about="the mask is subtracted",
            nudge="Which positions does a query of yours listen to, earlier or later ones?",
            hint="Exactly the hidden keys are seen: your mask counts with the opposite sign. It "
            "already holds -1e10 where a key is hidden; add it as it is.",
            edits=(("fits + mask", "fits - mask"),),
        ),
        Mistake(
            "masked-multiplied",
            about="the scores are multiplied by the mask",
            nudge="Which operation joins scores and mask in the formula?",
            hint="You multiply the scores by the mask, so that allowed scores become 0. The mask "
            "is added.",
            edits=(("fits + mask", "fits * mask"),),
        ),
        Mistake(
            "masked-transposed",
            about="the mask is transposed",
            nudge="Which index of the mask is the query's, and which the key's?",
            hint="You add the mask transposed: positions see what comes after them. Row i of the "
            "mask belongs to query i, as row i of the scores does.",
            edits=(("fits + mask", "fits + mask.T"),),
        ),
        Mistake(
            "masked-scaled",
            about="the mask is added before the division",
            nudge="In which order do division and mask come in the formula?",
            hint="You add the mask before dividing by √d_k, so that it is divided, too. With "
            "-1e10 nobody notices; with smaller numbers it matters.",
            edits=(
                ("q @ k.T / np.sqrt(d_k)", "q @ k.T"),
                ("fits + mask", "(fits + mask) / np.sqrt(d_k)"),
            ),
            fails=_MASK,
        ),
        Mistake(
            "masked-after-softmax",
            about="the mask is added to the shares",
            nudge="Is the mask added before or after softmax in the formula?",
            hint="Your numbers are enormous: the mask reaches the values without having passed "
            "through softmax. It is added to the scores, and softmax of the sum makes shares of "
            "0 of it.",
            edits=(("softmax(scores)", "softmax(fits) + mask"),),
        ),
        Mistake(
            "masked-shares-cut",
            about="hidden shares are set to 0 after softmax, and the rest is not renormalized",
            nudge="Do the shares of a query still sum to 1?",
            hint="You set the hidden shares to 0 after softmax, and what is left no longer sums "
            "to 1. If the mask is added before softmax, the allowed keys share everything.",
            edits=(("softmax(scores)", "softmax(fits) * (mask == 0)"),),
        ),
        Mistake(
            "masked-renormalized",
            about="hidden shares are set to 0 after softmax, then the rest is normalized again",
            nudge="What does your function do with a mask that holds other numbers than 0 and "
            "-1e10?",
            hint="You read the mask as yes or no, and repair the shares after softmax. That gives "
            "0 / 0 where a hidden key takes everything, and the mask may hold any numbers: add it "
            "to the scores.",
            edits=(
                (
                    "softmax(scores)",
                    "softmax(fits) * (mask == 0)\n"
                    "    weights = weights / weights.sum(axis=1, keepdims=True)",
                ),
            ),
            fails=_MASK,
        ),
        Mistake(
            "masked-zeros",
            about="hidden scores are set to 0 instead of very low",
            nudge="What share does softmax make of a score of 0?",
            hint="You set hidden scores to 0, and softmax gives them a share all the same. Add "
            "the mask: its -1e10 is what makes a share 0.",
            edits=(("fits + mask", "np.where(mask == 0, fits, 0)"),),
        ),
        Mistake(
            "masked-yes-or-no",
            about="the mask is read as yes or no: every number below 0 hides",
            nudge="What does your function do with a mask that holds other numbers than 0 and "
            "-1e10?",
            hint="You hide every key whose mask is negative, and ignore its size. The mask is a "
            "matrix of numbers to add, whatever it holds.",
            edits=(("fits + mask", "np.where(mask < 0, -1e10, fits)"),),
            fails=_MASK,
        ),
        Mistake(
            "masked-own-mask",
            about="makes the causal mask itself and ignores the argument",
            nudge="Which mask does your function use?",
            hint="You always hide what comes later, whichever mask you are given. It comes in as "
            "an argument: add that one.",
            edits=(("fits + mask", "fits + (1 - np.tri(*fits.shape)) * -1e10"),),
            fails=_MASK,
        ),
        Mistake(
            "masked-both-masks",
            about="adds the argument and a causal mask of its own",
            nudge="How many masks does your function add?",
            hint="You add a causal mask of your own to the one that you are given. The argument "
            "alone says what is hidden.",
            edits=(("fits + mask", "fits + mask + (1 - np.tri(*fits.shape)) * -1e10"),),
            fails=_MASK,
        ),
        Mistake(
            "masked-times-1e10",
            about="the mask is multiplied by 1e10 once more",
            nudge="Which numbers does the mask hold when it comes in?",
            hint="You multiply the mask by 1e10, and it already holds the numbers to add. Add it "
            "as it is.",
            edits=(("fits + mask", "fits + 1e10 * mask"),),
            fails=_MASK,
        ),
        Mistake(
            "masked-1e10-subtracted",
            about="the mask is expected to hold ones and zeros",
            nudge="Which numbers does the mask hold when it comes in?",
            hint="You turn the mask into -1e10 as if it held ones; it holds -1e10 already, and "
            "with your factor the hidden keys win. Add it as it is.",
            edits=(("fits + mask", "fits + mask * -1e10"),),
        ),
        Mistake(
            "masked-no-scale",
            about="the scores are not divided by the root of d_k",
            nudge="Compare the argument of softmax with the formula, term by term.",
            hint="The mask is right, and the scores are not divided by √d_k. The formula of "
            "problem 1.2 still holds, with one more term.",
            edits=((" / np.sqrt(d_k)", ""),),
        ),
        Mistake(
            "masked-no-root",
            about="divided by d_k, not by its root",
            nudge="By which number exactly do you divide the scores?",
            hint="You divide the scores by d_k. The formula has its square root, √d_k.",
            edits=(("np.sqrt(d_k)", "d_k"),),
        ),
        Mistake(
            "masked-root-of-two",
            about="the width of the example, 2, is written into the code",
            nudge="Where does your function know the width of the keys from?",
            hint="You always divide by √2, which is right in the example only. Take d_k from the "
            "shape of the arguments.",
            edits=(("q.shape[1]", "2"),),
        ),
        Mistake(
            "masked-scaled-by-queries",
            about="the root of the number of queries",
            nudge="Is d_k a number of rows or of columns?",
            hint="You divide by the root of the number of queries. d_k is how wide a query is: "
            "the number of columns.",
            edits=(("q.shape[1]", "q.shape[0]"),),
        ),
        Mistake(
            "masked-softmax-of-queries",
            about="softmax along the queries instead of the keys",
            nudge="Which numbers have to sum to 1: those of a query or those of a key?",
            hint="Your shares sum to 1 for each key. It has to be for each query: the rows of the "
            "scores go through softmax, not the columns.",
            edits=(("softmax(scores)", "softmax(scores.T).T"),),
        ),
        Mistake(
            "masked-swapped",
            about="queries and keys change places: K times Q transposed",
            nudge="What are rows and columns of your scores?",
            hint="Your scores have a row for each key. Row i belongs to query i, so the queries "
            "come first: Q times K transposed.",
            edits=(("q @ k.T", "k @ q.T"),),
        ),
        Mistake(
            "masked-no-softmax",
            about="the masked scores mix the values, without softmax",
            nudge="Do the weights of one query sum to 1?",
            hint="You multiply the masked scores themselves with the values, and -1e10 shows in "
            "the result. softmax turns each row into shares first.",
            edits=(("softmax(scores)", "scores"),),
        ),
        Mistake(
            "masked-softmax-twice",
            about="softmax, then the mask, then softmax again",
            nudge="How often does softmax appear in the formula?",
            hint="You send the scores through softmax, add the mask, and take softmax again. The "
            "mask is added to the plain scores, and softmax comes once, after it.",
            edits=(("fits + mask", "softmax(fits) + mask"),),
        ),
        Mistake(
            "masked-weak",
            about="hidden scores are set to -10, not low enough",
            nudge="What share does a hidden key get in your function?",
            hint="Hidden keys still get a small share, because you lower their scores by too "
            "little. Add the mask as it is: with -1e10 the share is exactly 0.",
            edits=(("fits + mask", "fits + np.maximum(mask, -10)"),),
        ),
        Mistake(
            "masked-thousand",
            about="hidden scores are lowered by 1000 only",
            nudge="How large can a score be that has to be hidden?",
            hint="You lower hidden scores by about a thousand. Where scores are thousands "
            "themselves, a hidden key still wins. Add the mask as it is.",
            edits=(("fits + mask", "fits + np.maximum(mask, -1000)"),),
            fails=_MASK,
        ),
        Mistake(
            "masked-values",
            about="the mask is put on the values instead of the scores",
            nudge="To which matrix is the mask added?",
            hint="You hide entries of the product with the values. The mask belongs to the "
            "scores, which have a row for each query and a column for each key.",
            edits=(("fits + mask", "fits"), ("weights @ v", "weights @ v * (mask[:, :1] == 0)")),
        ),
        Mistake(
            "masked-own-softmax-no-max",
            about="a softmax of its own, without the maximum",
            nudge="What becomes of scores of thousands in your function?",
            hint="Small scores are right, large ones give nan: nothing subtracts the maximum "
            "before the exponential function. Use your softmax instead of shares computed here; if "
            "you do already, fix softmax first.",
            edits=(
                ("softmax(scores)", "np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)"),
            ),
            fails=_MASK,
        ),
        Mistake(
            "masked-own-softmax-one-maximum",
            about="a softmax of its own, with one maximum for all queries",
            nudge="What becomes of a query whose scores are all far below another's?",
            hint="One maximum is subtracted from the scores of all queries, and those far below it "
            "become 0 / 0. Use your softmax instead of shares computed here; if you do already, "
            "fix softmax first.",
            edits=(
                (
                    "weights = softmax(scores)",
                    "powers = np.exp(scores - scores.max())\n"
                    "    weights = powers / powers.sum(axis=1, keepdims=True)",
                ),
            ),
            fails=_MASK,
        ),
        Mistake(
            "masked-in-place",
            about="the scores are added to the mask itself",
            nudge="Is the mask the same after a call as before?",
            hint="Your first result is right, but the call changes the mask: mask += ... works on "
            "the caller's array, which is still needed.",
            edits=(("scores = fits + mask", "scores = mask\n    scores += fits"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "masked-scaled-in-place",
            about="q is divided in the array of the caller",
            nudge="Is q the same after a call as before?",
            hint="Your numbers are right in the first call, but the call changes q: q /= ... works "
            "on the caller's array. Make a new one.",
            edits=(("fits = q @ k.T / np.sqrt(d_k)", "q /= np.sqrt(d_k)\n    fits = q @ k.T"),),
            fails=_NUMBERS,
        ),
        Mistake(
            "masked-one-key",
            about="the value at each query's own place where the mask allows it",
            nudge="What does your function return when a query may see several keys?",
            hint="Each of your rows is a single value. A query mixes all the keys that the mask "
            "leaves it.",
            code="""\
def masked_attention(q, k, v, mask):
    return v[np.argmax(mask, axis=1)]
""",
            cheat=True,
        ),
        Mistake(
            "masked-printed",
            about="the printed numbers for the printed input, allowed means for all others",
            nudge="What does your function return for other queries?",
            hint="Your function knows the example and not much else. Write the formula.",
            code="""\
_SEEN = [
    [0.37646796, 0.24378126], [0.48299578, 0.28439644], [0.46590072, 0.41837738],
    [0.52991302, 0.51314059], [0.49214214, 0.55574465], [0.39568092, 0.59955323],
    [0.38462954, 0.61108759], [0.37248739, 0.5645996], [0.35915127, 0.57331419],
    [0.41913397, 0.51187079],
]


def masked_attention(q, k, v, mask):
    if q.shape == (10, 2):
        return np.array(_SEEN)
    return softmax(mask) @ v
""",
            cheat=True,
        ),
        Mistake(
            "masked-any-number-hides",
            about="every number in the mask but 0 hides",
            nudge="What does your function do with a mask of small numbers?",
            hint=(
                "You hide a key wherever the mask is not 0. The mask is added to the "
                "scores: a small number in it changes a score a little, and only -1e10 "
                "hides."
            ),
            fails=("a-1-3-test-mask",),
            edits=(("fits + mask", "np.where(mask != 0, -1e10, fits)"),),
        ),
        Mistake(
            "masked-maximum-of-hidden",
            about="the maximum is taken of hidden scores, too",
            nudge="Of which scores do you take the maximum?",
            hint=(
                "You subtract the maximum of all scores, the hidden ones included. Where a "
                "hidden one lies far above the others, all their exponentials become 0, and "
                "0 / 0 is nan. Add the mask first, then let softmax find the maximum."
            ),
            fails=("a-1-3-test-mask",),
            code="""\
def masked_attention(q, k, v, mask):
    fits = q @ k.T / np.sqrt(q.shape[1])  # (n_q, n_k)
    powers = np.exp(fits - fits.max(axis=1, keepdims=True)) * np.exp(mask)  # (n_q, n_k)
    return powers / powers.sum(axis=1, keepdims=True) @ v  # (n_q, d_v)
""",
        ),
        Mistake(
            "masked-triangle-of-scores",
            about="the scores above the diagonal are set to 0, whatever the mask says",
            nudge="What does a score of 0 mean to softmax, and where is the mask?",
            hint=(
                "You keep the lower triangle of the scores and set the rest to 0. For "
                "softmax 0 is a score like any other, so the later keys still get a share; "
                "and the argument mask is not used. Add the mask to the scores."
            ),
            fails=("a-1-3-test", "a-1-3-test-mask"),
            edits=(("fits + mask", "np.tril(fits)"),),
        ),
        Mistake(
            "masked-last-row",
            about="only the last query's mixture is returned",
            nudge="Do you keep the result of every query, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the mixture of the query before it, so "
                "that only the last one is returned. Collect them, or compute all of them "
                "at once."
            ),
            fails=("a-1-3-test", "a-1-3-test-mask"),
            code="""\
def masked_attention(q, k, v, mask):
    for query, row in zip(q, mask):
        mixed = softmax(query[None, :] @ k.T / np.sqrt(k.shape[1]) + row) @ v
    return mixed
""",
        ),
    ),
    held_back=(
        HeldBack(
            "no mask, query by query",
            ("masked-no-mask",),
            """\
def masked_attention(q, k, v, mask):
    rows = []
    for i, query in enumerate(q):
        scores = np.array([[query @ key for key in k]]) / len(query) ** 0.5
        rows.append((softmax(scores) @ v)[0])
    return np.array(rows)
""",
        ),
        HeldBack(
            "divided together",
            ("masked-scaled",),
            """\
def masked_attention(q, k, v, mask):
    total = np.einsum("id,jd->ij", q, k) + mask
    return np.einsum("ij,jd->id", softmax(total * q.shape[1] ** -0.5), v)
""",
        ),
        HeldBack(
            "cut and not repaired",
            ("masked-shares-cut",),
            """\
def masked_attention(q, k, v, mask):
    weights = softmax(np.inner(q, k) / np.sqrt(k.shape[1]))
    for i in range(len(weights)):
        for j in range(len(weights[i])):
            if mask[i][j] != 0:
                weights[i][j] = 0
    return weights.dot(v)
""",
        ),
        HeldBack(
            "upside down",
            ("masked-transposed",),
            """\
def masked_attention(q, k, v, mask):
    scores = k.dot(q.T) / np.sqrt(k.shape[1]) + mask
    return softmax(scores.T).dot(v)
""",
        ),
        HeldBack(
            "the triangle by hand",
            ("masked-own-mask",),
            """\
def masked_attention(q, k, v, mask):
    rows = []
    for i, query in enumerate(q):
        scores = k[: i + 1] @ query / np.sqrt(len(query))
        rows.append(softmax(scores[None, :])[0] @ v[: i + 1])
    return np.array(rows)
""",
        ),
        HeldBack(
            "unscaled, by attention",
            ("masked-no-scale",),
            """\
def masked_attention(q, k, v, mask):
    rows = []
    for query, extras in zip(q, mask):
        seen = [j for j in range(len(k)) if extras[j] > -1e9]
        scores = np.array([[query @ k[j] + extras[j] for j in seen]])
        rows.append(softmax(scores)[0] @ v[seen])
    return np.array(rows)
""",
        ),
        HeldBack(
            "next one too",
            (),
            """\
def masked_attention(q, k, v, mask):
    scores = q @ k.T / np.sqrt(q.shape[1]) + np.roll(mask, 1, axis=1)
    return softmax(scores) @ v
""",
        ),
        HeldBack(
            "half a mask",
            (),
            """\
def masked_attention(q, k, v, mask):
    weights = softmax(q @ k.T / np.sqrt(q.shape[1]) + mask)
    return (weights @ v + v) / 2
""",
        ),
        HeldBack(
            "no scale, no mask",
            ("masked-no-mask", "masked-no-scale"),
            """\
def masked_attention(q, k, v, mask):
    return softmax(np.inner(q, k)) @ v
""",
        ),
        *first_half_styles.WRONG["masked_attention"],
    ),
    rights_held_back=first_half_styles.RIGHTS["masked_attention"],
)
