"""multi_head_attention."""

from mistakes.entries import Cell, Mistake
from mistakes.gpt2.shared import first_half_styles, head_splitting

_TEST, _HEADS = ("a-2-2-test",), ("a-2-2-test-heads",)
_CAUSAL, _NUMBERS = ("a-2-2-test-causal",), ("a-2-2-test-numbers",)

CELL = Cell(
    id="a-2-2-solution",
    functions=("multi_head_attention",),
    where="problem 2.2",
    right="""\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10  # (n, n)

    qkv = linear_projection(x, w_1, b_1)  # (n, 3 d)
    q, k, v = np.split(qkv, 3, axis=1)  # (n, d) each
    width = q.shape[1] // number_of_heads  # d / H
    heads = []
    for h in range(number_of_heads):
        own = slice(h * width, (h + 1) * width)
        heads.append(masked_attention(q[:, own], k[:, own], v[:, own], mask))  # (n, d / H)
    merged = np.hstack(heads)  # (n, d)
    x = linear_projection(merged, w_2, b_2)  # (n, d_out)
    return x
""",
    rights=(*head_splitting.RIGHTS, *first_half_styles.KINDS["multi_head_attention"]),
    mistakes=(
        Mistake(
            "mha-one-head",
            about="one head of full width, whatever number_of_heads says",
            nudge="Does your result change with number_of_heads?",
            hint="Your numbers are those of a single head of full width. Cut queries, keys and "
            "values into number_of_heads pieces, and let each attend on its own.",
            edits=(
                (
                    "width = q.shape[1] // number_of_heads",
                    "number_of_heads = 1\n    width = q.shape[1]",
                ),
            ),
        ),
        Mistake(
            "mha-two-heads",
            about="the number of heads of the example is written into the code",
            nudge="Does your result change with number_of_heads?",
            hint="You always cut into two heads, which is right in the example only. The number "
            "comes in as an argument.",
            edits=(
                (
                    "width = q.shape[1] // number_of_heads",
                    "number_of_heads = 2\n    width = q.shape[1] // 2",
                ),
            ),
            fails=("a-2-2-test", "a-2-2-test-heads", "a-2-2-test-causal"),
        ),
        Mistake(
            "mha-heads-interleaved",
            about="head h takes every H-th column",
            nudge="Which columns belong to the first head?",
            hint="Your first head takes every H-th column. The heads lie side by side, from left "
            "to right: the first one has the first d/H columns.",
            edits=(("slice(h * width, (h + 1) * width)", "slice(h, None, number_of_heads)"),),
        ),
        Mistake(
            "mha-heads-as-width",
            about="number_of_heads is taken for the width of a head",
            nudge="How wide is a head, and how many are there?",
            hint="You cut pieces that are number_of_heads wide. number_of_heads says how many "
            "there are; each is d/H wide.",
            edits=(
                (
                    "width = q.shape[1] // number_of_heads",
                    "width = number_of_heads\n    number_of_heads = q.shape[1] // number_of_heads",
                ),
            ),
        ),
        Mistake(
            "mha-reshaped-heads",
            about="reshaped to heads without transposing: positions are mixed",
            nudge="After your reshape, do the numbers of one row still belong to one position?",
            hint="You reshape (n, d) to (H, n, d/H) directly, which tears the positions apart. "
            "Reshape to (n, H, d/H) and then swap the first two axes, or cut the columns.",
            edits=(
                (
                    "    for h in range(number_of_heads):\n"
                    "        own = slice(h * width, (h + 1) * width)\n"
                    "        heads.append(masked_attention(q[:, own], k[:, own], v[:, own], mask))",
                    "    q, k, v = (part.reshape(number_of_heads, len(x), width)"
                    " for part in (q, k, v))\n"
                    "    for h in range(number_of_heads):\n"
                    "        heads.append(masked_attention(q[h], k[h], v[h], mask))",
                ),
            ),
        ),
        Mistake(
            "mha-merged-by-reshape",
            about="the heads are merged by reshape, without transposing",
            nudge="Which numbers stand in the first row after your merge?",
            hint="You reshape the stacked heads (H, n, d/H) to (n, d) directly, so that a row "
            "holds several positions of one head. Put the heads side by side: np.hstack does.",
            edits=(("np.hstack(heads)", "np.array(heads).reshape(len(x), -1)"),),
        ),
        Mistake(
            "mha-merged-interleaved",
            about="the heads' columns are interleaved when they are merged",
            nudge="In which order do the columns of the heads come after your merge?",
            hint="After your merge the first columns of all heads come first, then the second "
            "ones. The heads should be side by side, one whole head after the other.",
            edits=(("np.hstack(heads)", "np.stack(heads, axis=2).reshape(len(x), -1)"),),
        ),
        Mistake(
            "mha-heads-reversed",
            about="the heads are merged from right to left",
            nudge="In which order do the heads come after your merge?",
            hint="You merge the heads in the opposite order. The first head's output comes first.",
            edits=(("np.hstack(heads)", "np.hstack(heads[::-1])"),),
        ),
        Mistake(
            "mha-heads-on-top",
            about="the heads are put on top of each other",
            nudge="What shape does the merged matrix have?",
            hint="You put the heads on top of each other, (H n, d/H). They belong side by side: "
            "(n, d).",
            edits=(("np.hstack(heads)", "np.vstack(heads)"),),
        ),
        Mistake(
            "mha-heads-averaged",
            about="the heads are averaged, and the mean is repeated to the right width",
            nudge="What becomes of the different heads when you merge them?",
            hint="You average the heads, and what they found separately is lost. Put their "
            "outputs side by side instead.",
            edits=(("np.hstack(heads)", "np.tile(np.mean(heads, axis=0), (1, number_of_heads))"),),
        ),
        Mistake(
            "mha-last-head",
            about="every place gets the last head: the result is overwritten in the loop",
            nudge="Do your heads differ from each other?",
            hint="All your heads are the last one. Something inside the loop is overwritten in "
            "each round; collect the outputs in a list.",
            edits=(("np.hstack(heads)", "np.hstack(number_of_heads * heads[-1:])"),),
        ),
        Mistake(
            "mha-first-head",
            about="every head takes the first columns",
            nudge="Which columns does your second head take?",
            hint="All your heads are the first one: they take the same columns. The second head "
            "begins where the first one ends.",
            edits=(("slice(h * width, (h + 1) * width)", "slice(0, width)"),),
        ),
        Mistake(
            "mha-first-values",
            about="queries and keys are cut by head, every head mixes the first values",
            nudge="Which three pieces make up the second head?",
            hint="Your heads have their own queries and keys, and they all mix the values of the "
            "first one. Cut the values in the same way.",
            edits=(("v[:, own]", "v[:, :width]"),),
        ),
        Mistake(
            "mha-one-mixture",
            about="the heads' shares are averaged before they mix the values",
            nudge="Does every head of yours have its own mixture?",
            hint="You use the same shares for all heads, their average. Each head mixes its own "
            "values with its own shares.",
            edits=(
                (
                    "        heads.append(masked_attention(q[:, own], k[:, own], v[:, own], mask))",
                    "        one = np.eye(len(x))\n"
                    "        heads.append(masked_attention(q[:, own], k[:, own], one, mask))",
                ),
                ("np.hstack(heads)", "np.mean(heads, axis=0) @ v"),
            ),
        ),
        Mistake(
            "mha-keys-first",
            about="the three parts are taken as K, Q, V",
            nudge="In which order do the three parts of the projection stand?",
            hint="You take the first third for keys and the second for queries. The order is "
            "Q, K, V.",
            edits=(("q, k, v = np.split", "k, q, v = np.split"),),
        ),
        Mistake(
            "mha-values-second",
            about="the three parts are taken as Q, V, K",
            nudge="In which order do the three parts of the projection stand?",
            hint="You take the second third for values and the last for keys. The order is "
            "Q, K, V.",
            edits=(("q, k, v = np.split", "q, v, k = np.split"),),
        ),
        Mistake(
            "mha-values-first",
            about="the three parts are taken as V, K, Q",
            nudge="In which order do the three parts of the projection stand?",
            hint="You take the three parts in reverse order. It is Q, K, V from left to right.",
            edits=(("q, k, v = np.split", "v, k, q = np.split"),),
        ),
        Mistake(
            "mha-parts-interleaved",
            about="queries, keys and values are taken from every third column",
            nudge="Where in the 3 d columns do the queries stand?",
            hint="You take every third column. Q, K and V lie side by side: the first d columns "
            "are the queries.",
            edits=(("np.split(qkv, 3, axis=1)", "(qkv[:, part::3] for part in range(3))"),),
        ),
        Mistake(
            "mha-parts-within-heads",
            about="cut into heads first, then each head into Q, K and V",
            nudge="Which comes first, separating Q, K, V or splitting into heads?",
            hint="You cut the 3 d columns into heads and each of these into Q, K, V. It is the "
            "other way round: first the three parts, then each of them into heads.",
            edits=(
                (
                    "np.split(qkv, 3, axis=1)",
                    "np.moveaxis(qkv.reshape(len(x), number_of_heads, 3, -1), 2, 0)"
                    ".reshape(3, len(x), -1)",
                ),
            ),
        ),
        Mistake(
            "mha-no-mask",
            about="without the mask",
            nudge="Does a position of yours hear from later ones?",
            hint="Your positions see the future: the mask is not used. Each head needs it.",
            edits=(
                (
                    "masked_attention(q[:, own], k[:, own], v[:, own], mask)",
                    "attention(q[:, own], k[:, own], v[:, own])",
                ),
            ),
        ),
        Mistake(
            "mha-mask-transposed",
            about="the mask is transposed",
            nudge="Which positions does your first one listen to?",
            hint="Your positions listen to later ones instead of earlier ones: the mask is "
            "transposed. Use the one that is given in the code, as it is.",
            edits=(("v[:, own], mask)", "v[:, own], mask.T)"),),
        ),
        Mistake(
            "mha-mask-strict",
            about="a position may not see itself",
            nudge="Does a position of yours listen to itself?",
            hint="Your positions hear from those before them and not from themselves. The mask "
            "that is given in the code leaves the diagonal open: use it.",
            edits=(("np.tri(x.shape[0], dtype=x.dtype)", "np.tri(x.shape[0], k=-1)"),),
        ),
        Mistake(
            "mha-mask-one-late",
            about="a position sees the next one, too",
            nudge="How many later positions does one of yours hear from?",
            hint="Your positions hear from the next one as well: the mask is shifted by one. Use "
            "the one that is given in the code.",
            edits=(("np.tri(x.shape[0], dtype=x.dtype)", "np.tri(x.shape[0], k=1)"),),
        ),
        Mistake(
            "mha-mask-first-head",
            about="only the first head uses the mask",
            nudge="Which of your heads use the mask?",
            hint="Only your first head is kept from seeing the future. Every head uses the mask.",
            edits=(("v[:, own], mask)", "v[:, own], mask if h == 0 else 0 * mask)"),),
        ),
        Mistake(
            "mha-mask-ones",
            about="ones and zeros instead of -1e10",
            nudge="Which numbers does your mask hold?",
            hint="You add the triangle of ones itself, which hides nothing. The mask that is "
            "given in the code holds 0 and -1e10.",
            edits=((" * -1e10", ""),),
        ),
        Mistake(
            "mha-scaled-twice",
            about="divided by the root of the head's width once more",
            nudge="How often are your scores divided by the root of the width?",
            hint="Your scores are divided by too much: by √(d/H) twice, or by √d where heads are "
            "as wide as they are many. masked_attention divides by itself; leave it to that "
            "function.",
            edits=(("masked_attention(q[:, own]", "masked_attention(q[:, own] / width**0.5"),),
        ),
        Mistake(
            "mha-scaled-by-full-width",
            about="the root of d instead of d / H",
            nudge="Which width enters the root, that of x or that of a head?",
            hint="Your scores are divided by √d. It is the width of one head, d/H, which "
            "masked_attention finds by itself if it gets one head.",
            edits=(
                ("masked_attention(q[:, own]", "masked_attention(q[:, own] / number_of_heads**0.5"),
            ),
        ),
        Mistake(
            "mha-no-scale",
            about="the heads' scores are not divided at all",
            nudge="Compare the argument of softmax with the formula.",
            hint="The scores of your heads are not divided by √(d/H). masked_attention does "
            "that; you need nothing in this function that undoes it.",
            edits=(("masked_attention(q[:, own]", "masked_attention(q[:, own] * width**0.5"),),
        ),
        Mistake(
            "mha-no-output-projection",
            about="the merged heads are returned, without the second projection",
            nudge="Which step of the drawing comes last?",
            hint="You return the merged heads. The last step is the linear projection with "
            "w_2 and b_2.",
            edits=(("x = linear_projection(merged, w_2, b_2)", "x = merged"),),
        ),
        Mistake(
            "mha-no-output-bias",
            about="the second bias is missing",
            nudge="What should come out where all weights are zero?",
            hint="The bias b_2 is missing in your last step: it is a linear projection, not just "
            "a product.",
            edits=(("linear_projection(merged, w_2, b_2)", "merged @ w_2"),),
        ),
        Mistake(
            "mha-no-input-bias",
            about="the first bias is missing",
            nudge="Do all the weights and biases that the function gets play a part?",
            hint="The bias b_1 is missing in your first step: it is a linear projection, not just "
            "a product.",
            edits=(("linear_projection(x, w_1, b_1)", "x @ w_1"),),
        ),
        Mistake(
            "mha-biases-swapped",
            about="the two biases change places, where they fit",
            nudge="Which bias belongs to which projection?",
            hint="You add b_2 in the first projection and b_1 in the second. Each belongs to the "
            "weights with the same number.",
            edits=(("w_1, b_1)", "w_1, b_2)"), ("merged, w_2, b_2)", "merged, w_2, b_1)")),
        ),
        Mistake(
            "mha-projected-by-head",
            about="each head goes through the rows of the first one in w_2",
            nudge="Which rows of w_2 belong to the second head?",
            hint="You send every head through the same rows of w_2. Merge the heads first, then "
            "project once: each head meets its own rows then.",
            edits=(
                (
                    "linear_projection(merged, w_2, b_2)",
                    "linear_projection(sum(heads), w_2[:width], b_2)",
                ),
            ),
        ),
        Mistake(
            "mha-bias-by-head",
            about="the second bias is added once for each head",
            nudge="What should come out where all weights are zero?",
            hint="You add b_2 once for each head. Merge first and project once, then it is added "
            "once.",
            edits=(
                (
                    "x = linear_projection(merged, w_2, b_2)",
                    "x = sum(\n"
                    "        linear_projection(head, rows, b_2)\n"
                    "        for head, rows in zip(heads, np.split(w_2, number_of_heads))\n"
                    "    )",
                ),
            ),
        ),
        Mistake(
            "mha-residual",
            about="the input is added to the result where it fits",
            nudge="Does the drawing end with a sum?",
            hint="You add the input to the result. That sum belongs to the transformer block of "
            "the second half; here the projection is the last step.",
            edits=(
                (
                    "x = linear_projection(merged, w_2, b_2)",
                    "out = linear_projection(merged, w_2, b_2)\n"
                    "    x = x + out if x.shape == out.shape else out",
                ),
            ),
            fails=("a-2-2-test",),
        ),
        Mistake(
            "mha-weights-overwritten",
            about="the projection is stored in the place of its weights",
            nudge="Is attn the same after a call as before?",
            hint="Your first result is right, and the weights are gone after the call: you store "
            "what you compute in attn, the caller's dictionary. Use a variable of your own.",
            edits=(
                (
                    "    qkv = linear_projection(x, w_1, b_1)",
                    '    attn["c_attn"] = linear_projection(x, w_1, b_1)\n    qkv = attn["c_attn"]',
                ),
            ),
            fails=("a-2-2-test-heads", "a-2-2-test-causal", "a-2-2-test-numbers"),
        ),
        Mistake(
            "mha-input-in-place",
            about="each head's output is written into x",
            nudge="Is x the same after a call as before?",
            hint="You merge the heads into x itself, which changes the caller's array. Make a new "
            "one.",
            edits=(("merged = np.hstack(heads)", "x[:] = np.hstack(heads)\n    merged = x"),),
            fails=("a-2-2-test-causal", "a-2-2-test-numbers"),
        ),
        Mistake(
            "mha-mask-kept",
            about="the mask of the first call is kept in a global variable",
            nudge="What does your function remember from one call to the next?",
            hint="You keep the mask of the first call and use it for later ones, which may have "
            "more or fewer positions. Use the mask that is made in the function.",
            edits=(
                ("def multi_head_attention", "_mask = None\n\n\ndef multi_head_attention"),
                (
                    "    qkv = ",
                    "    global _mask\n    _mask = mask if _mask is None else _mask\n    qkv = ",
                ),
                ("v[:, own], mask)", "v[:, own], _mask)"),
            ),
        ),
        Mistake(
            "mha-heads-chained",
            about="each head mixes the output of the one before it",
            nudge="What does your second head get as values?",
            hint="Your second head mixes the first one's output. The heads work side by side: "
            "each mixes its own piece of the values.",
            edits=(("v[:, own], mask)", "heads[-1] if heads else v[:, own], mask)"),),
        ),
        Mistake(
            "mha-bias-only",
            about="the last bias, in the right shape",
            nudge="Does your result change when x does?",
            hint="You return the last bias whatever the input is. That is right only where all "
            "weights are zero.",
            code="""\
def multi_head_attention(x, attn, number_of_heads):
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    return np.zeros((len(x), w_2.shape[1])) + b_2
""",
            cheat=True,
        ),
        Mistake(
            "mha-printed",
            about="the printed numbers for the printed input, values without attention for others",
            nudge="What does your function return for other weights?",
            hint="Your function knows the example and not much else. Follow the drawing step by "
            "step.",
            code="""\
_SEEN = [
    [3.4897257, 2.74884012, 2.6448295],
    [3.15425828, 2.46024887, 2.34563449],
    [3.22513764, 2.50993895, 2.38375606],
]


def multi_head_attention(x, attn, number_of_heads):
    if x.shape == (3, 4) and attn["c_attn"]["b"].shape == (3, 1):
        return np.array(_SEEN)
    values = linear_projection(x, attn["c_attn"]["w"], attn["c_attn"]["b"])[:, -x.shape[1] :]
    return linear_projection(values, attn["c_proj"]["w"], attn["c_proj"]["b"])
""",
            cheat=True,
        ),
        Mistake(
            "mha-input-bias-whole",
            about="the whole first bias is handed to queries, keys and values each",
            nudge="How many numbers has b_1, and how many columns have the queries?",
            hint=(
                "You cut w_1 into three, and hand all of b_1 to each part. In the real "
                "GPT-2 b_1 has 3 d numbers: project once with w_1 and b_1, and cut the "
                "result."
            ),
            fails=("a-2-2-test", "a-2-2-test-heads", "a-2-2-test-causal", "a-2-2-test-numbers"),
            code="""\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10  # (n, n)

    parts = []
    for w in np.split(w_1, 3, axis=1):
        parts.append(np.split(linear_projection(x, w, b_1), number_of_heads, axis=1))
    heads = [masked_attention(q, k, v, mask) for q, k, v in zip(*parts)]
    return linear_projection(np.hstack(heads), w_2, b_2)
""",
        ),
        Mistake(
            "mha-reshaped-both",
            about="reshaped to heads and back without transposing",
            nudge=("After your reshape, do the numbers of one row still belong to one position?"),
            hint=(
                "You reshape (n, d) to (H, n, d/H) directly, and back in the same way, "
                "which tears the positions apart. Reshape to (n, H, d/H) and swap the first "
                "two axes, and swap them again before the way back."
            ),
            fails=("a-2-2-test", "a-2-2-test-heads", "a-2-2-test-causal", "a-2-2-test-numbers"),
            code="""\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10  # (n, n)

    qkv = np.split(linear_projection(x, w_1, b_1), 3, axis=1)
    q, k, v = (part.reshape(number_of_heads, len(x), -1) for part in qkv)
    heads = [masked_attention(q[h], k[h], v[h], mask) for h in range(number_of_heads)]
    return linear_projection(np.array(heads).reshape(len(x), -1), w_2, b_2)
""",
        ),
        Mistake(
            "mha-shares-cut",
            about="later positions are set to 0 after softmax, and the rest is not renormalized",
            nudge="What do the shares of the first position add up to?",
            hint=(
                "You set the shares of later positions to 0 after softmax, so that those of "
                "the earlier ones sum to less than 1. Add the mask to the scores before "
                "softmax: masked_attention does."
            ),
            fails=("a-2-2-test", "a-2-2-test-heads", "a-2-2-test-causal", "a-2-2-test-numbers"),
            code="""\
def multi_head_attention(x, attn, number_of_heads):
    w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]
    w_2, b_2 = attn["c_proj"]["w"], attn["c_proj"]["b"]
    mask = (1 - np.tri(x.shape[0], dtype=x.dtype)) * -1e10  # (n, n)

    qkv = np.split(linear_projection(x, w_1, b_1), 3, axis=1)
    heads = []
    for q, k, v in zip(*(np.split(part, number_of_heads, axis=1) for part in qkv)):
        heads.append(np.tril(softmax(q @ k.T / np.sqrt(q.shape[1]))) @ v)
    return linear_projection(np.hstack(heads), w_2, b_2)
""",
        ),
    ),
    held_back=(*head_splitting.HELD_BACK, *first_half_styles.WRONG["multi_head_attention"]),
    rights_held_back=first_half_styles.RIGHTS["multi_head_attention"],
)
