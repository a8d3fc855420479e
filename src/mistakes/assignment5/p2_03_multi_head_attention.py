"""multi_head_attention: all mistakes; more right answers: shared/causal_attention.py."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.assignment5.shared.causal_attention import HELD_BACK, RIGHTS
from mistakes.entries import Cell, Mistake

CELL = Cell(
    id="p2-3-solution",
    functions=("multi_head_attention",),
    where="problem 2.3",
    right="""\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq = params[f"{layer_prefix}.attention.wq.weight"].T  # (d_model, d_model)
    wk = params[f"{layer_prefix}.attention.wk.weight"].T  # (d_model, d_model)
    wv = params[f"{layer_prefix}.attention.wv.weight"].T  # (d_model, d_model)
    wo = params[f"{layer_prefix}.attention.wo.weight"].T  # (d_model, d_model)

    head_dim = d_model // n_heads
    attn_scale = 1 / math.sqrt(head_dim)

    wq = wq.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)  # (n_heads, d_model, head_dim)
    wk = wk.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)  # (n_heads, d_model, head_dim)
    wv = wv.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)  # (n_heads, d_model, head_dim)

    head_outputs = []
    for head in range(n_heads):
        q = x @ wq[head]  # (n, head_dim)
        k = x @ wk[head]  # (n, head_dim)
        v = x @ wv[head]  # (n, head_dim)
        attn_scores = q @ k.T * attn_scale  # (n, n)
        attn_scores = apply_presoftmax_causal_mask(attn_scores)  # (n, n)
        attn_scores = softmax(attn_scores)  # (n, n)
        head_out = attn_scores @ v  # (n, head_dim)
        head_outputs.append(head_out)

    head_outputs = np.concatenate(head_outputs, axis=-1)  # (n, d_model)
    output = head_outputs @ wo  # (n, d_model)
    return output
""",
    rights=(*RIGHTS, *transformer_styles.KINDS["multi_head_attention"]),
    mistakes=(
        Mistake(
            "mha-no-scale",
            about="scores not divided by the root of head_dim",
            nudge="What happens to the scores before the softmax?",
            hint="Your attention is sharper than it should be: the scores are not divided by the "
            "root of the head's dimension. attn_scale is there for that.",
            edits=(("q @ k.T * attn_scale", "q @ k.T"),),
        ),
        Mistake(
            "mha-scale-inverted",
            about="divided by attn_scale instead of multiplied",
            nudge="Is attn_scale larger or smaller than 1, and what should it do?",
            hint="You divide by attn_scale, which is 1/8 already, and so multiply by 8. "
            "Multiply with it instead.",
            edits=(("q @ k.T * attn_scale", "q @ k.T / attn_scale"),),
        ),
        Mistake(
            "mha-scale-twice",
            about="divided by head_dim, not by its root",
            nudge="By what number do you divide the scores?",
            hint="The scores are divided by 64, the head's dimension, where its root, 8, is right. "
            "Is attn_scale applied twice?",
            edits=(("q @ k.T * attn_scale", "q @ k.T * attn_scale * attn_scale"),),
        ),
        Mistake(
            "mha-scale-d-model",
            about="divided by the root of d_model",
            nudge="Which dimension stands under the root?",
            hint="You divide by the root of d_model. It is the head's own dimension that counts, "
            "64 here.",
            edits=(("1 / math.sqrt(head_dim)", "1 / math.sqrt(d_model)"),),
        ),
        Mistake(
            "mha-scale-length",
            about="divided by the root of the number of tokens",
            nudge="Which dimension stands under the root?",
            hint="Your scale depends on the length of the text. It should be the root of the "
            "head's dimension.",
            edits=(("q @ k.T * attn_scale", "q @ k.T / math.sqrt(len(x))"),),
        ),
        Mistake(
            "mha-softmax-columns",
            about="softmax down the columns",
            nudge="Which sums of the attention matrix should be 1?",
            hint="Your columns sum to 1, not your rows. Each token, that is each row, distributes "
            "its attention: the softmax runs along the last axis.",
            edits=(("softmax(attn_scores)", "softmax(attn_scores, axis=0)"),),
        ),
        Mistake(
            "mha-softmax-flat",
            about="one softmax over the whole matrix",
            nudge="Which sums of the attention matrix should be 1?",
            hint="The whole matrix sums to 1 in your code. Each row should do so by itself.",
            edits=(("softmax(attn_scores)", "softmax(attn_scores, axis=None)"),),
        ),
        Mistake(
            "mha-no-softmax",
            about="no softmax: masked scores mix the values",
            nudge="Are your attention weights between 0 and 1?",
            hint="Your output is of the size of a thousand million: masked scores, -1e9 among "
            "them, are multiplied with the values. The softmax is missing.",
            edits=(("softmax(attn_scores)", "attn_scores"),),
        ),
        Mistake(
            "mha-no-mask",
            about="no causal mask",
            nudge="Which tokens can position 0 see?",
            hint="Earlier positions change when later tokens do: the mask is missing.",
            edits=(("apply_presoftmax_causal_mask(attn_scores)", "attn_scores"),),
        ),
        Mistake(
            "mha-mask-after",
            about="weights above the diagonal set to 0 after the softmax, rows not renormalised",
            nudge="What do the rows of the attention matrix sum to after masking?",
            hint="You mask after the softmax, so that rows sum to less than 1. Masked before it, "
            "the remaining weights sum to 1.",
            edits=(
                ("        attn_scores = apply_presoftmax_causal_mask(attn_scores)  # (n, n)\n", ""),
                ("softmax(attn_scores)", "np.tril(softmax(attn_scores))"),
            ),
        ),
        Mistake(
            "mha-mask-transposed",
            about="looks ahead only",
            nudge="Which tokens can position 0 see?",
            hint="Each position sees itself and what comes later, the mirror image of what is "
            "wanted. Row i is the one that looks.",
            edits=(
                (
                    "apply_presoftmax_causal_mask(attn_scores)",
                    "attn_scores - 1e9 * np.tril(np.ones_like(attn_scores), k=-1)",
                ),
            ),
        ),
        Mistake(
            "mha-mask-diagonal",
            about="a token does not see itself",
            nudge="May a token attend to itself?",
            hint="Your mask covers the diagonal, too: tokens can't see themselves, and the first "
            "one sees nobody. Only what lies above the diagonal is forbidden.",
            edits=(
                (
                    "apply_presoftmax_causal_mask(attn_scores)",
                    "attn_scores - 1e9 * np.triu(np.ones_like(attn_scores))",
                ),
            ),
        ),
        Mistake(
            "mha-mask-zeros",
            about="scores above the diagonal set to 0 before the softmax",
            nudge="What does a score of 0 become in the softmax?",
            hint="You set forbidden scores to 0. A softmax gives e^0 = 1 to those, which is not "
            "nothing: they have to be very negative.",
            edits=(("apply_presoftmax_causal_mask(attn_scores)", "np.tril(attn_scores)"),),
        ),
        Mistake(
            "mha-mask-weak",
            about="10 is subtracted instead of 1e9",
            nudge="How far down does your mask push the scores?",
            hint="A little attention leaks to later tokens: your mask subtracts too little. The "
            "given function subtracts 1e9.",
            edits=(
                (
                    "apply_presoftmax_causal_mask(attn_scores)",
                    "attn_scores - 10 * np.triu(np.ones_like(attn_scores), k=1)",
                ),
            ),
        ),
        Mistake(
            "mha-mask-nan",
            about="infinity times 0 in the mask",
            nudge="What is infinity times 0?",
            hint="Everything is nan: a mask of zeros and ones is multiplied with infinity. "
            "Take a large finite number, or np.where.",
            edits=(
                (
                    "apply_presoftmax_causal_mask(attn_scores)",
                    "attn_scores + -np.inf * np.triu(np.ones_like(attn_scores), k=1)",
                ),
            ),
        ),
        Mistake(
            "mha-keys-ask",
            about="queries and keys exchanged",
            nudge="In which order do queries and keys stand in the product?",
            hint="Your scores are transposed: keys look for queries. Row i of the scores is the "
            "query of token i against all keys.",
            edits=(("q @ k.T * attn_scale", "k @ q.T * attn_scale"),),
        ),
        Mistake(
            "mha-queries-as-keys",
            about="keys made with the matrix of the queries",
            nudge="Check the three projections, one by one.",
            hint="Your keys equal your queries: k needs a matrix of its own, wkh.",
            edits=(("k = x @ wk[head]", "k = x @ wq[head]"),),
        ),
        Mistake(
            "mha-keys-as-values",
            about="values made with the matrix of the keys",
            nudge="Check the three projections, one by one.",
            hint="Your values equal your keys: v needs a matrix of its own, wvh.",
            edits=(("v = x @ wv[head]", "v = x @ wk[head]"),),
        ),
        Mistake(
            "mha-values-raw",
            about="the weights mix x instead of the values, all heads cut from x",
            nudge="What do the attention weights mix?",
            hint="You mix slices of x itself. It is the values, x times the head's third matrix, "
            "that are mixed.",
            edits=(("v = x @ wv[head]", "v = x[:, head * head_dim : (head + 1) * head_dim]"),),
        ),
        Mistake(
            "mha-weights-transposed",
            about="the attention matrix transposed before it mixes the values",
            nudge="Which rows does row i of the output mix?",
            hint="The attention matrix is transposed when it meets the values: its columns mix, "
            "where its rows should.",
            edits=(("attn_scores @ v", "attn_scores.T @ v"),),
        ),
        Mistake(
            "mha-heads-interleaved",
            about="the heads' columns alternate",
            nudge="In which order do the columns of the concatenation stand?",
            hint="Your heads are shuffled like cards: first column of each head, then the second. "
            "Set them side by side, all 64 columns of head 0 first.",
            edits=(
                (
                    "np.concatenate(head_outputs, axis=-1)",
                    "np.stack(head_outputs, axis=-1).reshape(len(x), -1)",
                ),
            ),
        ),
        Mistake(
            "mha-heads-stacked",
            about="heads below each other, reshaped to fit",
            nudge="Along which axis are the heads joined?",
            hint="The heads are joined one below the other and then cut into rows anew, which "
            "mixes tokens up. Join them along the last axis.",
            edits=(
                (
                    "np.concatenate(head_outputs, axis=-1)",
                    "np.concatenate(head_outputs, axis=0).reshape(len(x), -1)",
                ),
            ),
        ),
        Mistake(
            "mha-heads-reversed",
            about="the last head first",
            nudge="In which order do the heads stand in the concatenation?",
            hint="The heads are joined in reverse order. Head 0 comes first.",
            edits=(("head_outputs.append(head_out)", "head_outputs.insert(0, head_out)"),),
        ),
        Mistake(
            "mha-split-strided",
            about="the packed matrices cut into every eighth column",
            nudge="Which columns of the packed matrix belong to head 0?",
            hint="Your head 0 takes every eighth column. The packed matrices hold head 0's 64 "
            "columns first, then head 1's: the given reshape does that.",
            edits=(
                (
                    "wq.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)",
                    "wq.reshape(d_model, head_dim, n_heads).transpose(2, 0, 1)",
                ),
                (
                    "wk.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)",
                    "wk.reshape(d_model, head_dim, n_heads).transpose(2, 0, 1)",
                ),
                (
                    "wv.reshape(d_model, n_heads, head_dim).transpose(1, 0, 2)",
                    "wv.reshape(d_model, head_dim, n_heads).transpose(2, 0, 1)",
                ),
            ),
        ),
        Mistake(
            "mha-one-head",
            about="the first head's matrices for all heads",
            nudge="Does each head use its own matrices?",
            hint="All heads give the same: they share the matrices of head 0. Index with the "
            "loop's variable.",
            edits=(("wq[head]", "wq[0]"), ("wk[head]", "wk[0]"), ("wv[head]", "wv[0]")),
        ),
        Mistake(
            "mha-last-head",
            about="the last head's output in each place",
            nudge="What is in the list of the heads' outputs after the loop?",
            hint="Each place of the concatenation holds the last head. Store every head's output "
            "inside the loop.",
            edits=(
                ("np.concatenate(head_outputs, axis=-1)", "np.tile(head_outputs[-1], n_heads)"),
            ),
        ),
        Mistake(
            "mha-heads-averaged",
            about="the mean of the heads, repeated",
            nudge="What becomes of the eight heads' outputs?",
            hint="You average the heads. They are set side by side; only W_o mixes them.",
            edits=(
                (
                    "np.concatenate(head_outputs, axis=-1)",
                    "np.tile(np.mean(head_outputs, axis=0), n_heads)",
                ),
            ),
        ),
        Mistake(
            "mha-single-big-head",
            about="one head of 512 dimensions",
            nudge="How many attention matrices does your function compute?",
            hint="You compare whole rows of Q and K: one head of 512 dimensions. There are eight "
            "heads of 64, each with weights of its own.",
            code="""\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wq, wk, wv, wo = (params[f"{layer_prefix}.attention.w{c}.weight"].T for c in "qkvo")
    scores = (x @ wq) @ (x @ wk).T / math.sqrt(d_model // n_heads)
    weights = softmax(apply_presoftmax_causal_mask(scores))
    return weights @ (x @ wv) @ wo
""",
        ),
        Mistake(
            "mha-no-output-matrix",
            about="W_o missing",
            nudge="Are all four matrices used?",
            hint="The heads are right and set side by side, and the output projection W_o is "
            "missing.",
            edits=(("head_outputs @ wo", "head_outputs"),),
        ),
        Mistake(
            "mha-output-matrix-transposed",
            about="W_o transposed",
            nudge="How is W_o oriented in the file, and how in the formula?",
            hint="W_o is transposed once too often: the given line already turns it.",
            edits=(("head_outputs @ wo", "head_outputs @ wo.T"),),
        ),
        Mistake(
            "mha-inputs-transposed",
            about="the packed matrices of queries, keys and values not transposed",
            nudge="How are the packed matrices oriented in the file?",
            hint="Queries, keys and values use the matrices as they are stored, (outputs, inputs). "
            "In the formula x stands on the left: transpose them.",
            edits=(
                ('wq.weight"].T', 'wq.weight"]'),
                ('wk.weight"].T', 'wk.weight"]'),
                ('wv.weight"].T', 'wv.weight"]'),
            ),
        ),
        Mistake(
            "mha-residual",
            about="x added to the output",
            nudge="Which function adds to the stream, this one or the Transformer?",
            hint="You add x to the output. The residual connection is made in problem 2.9; here "
            "only attention's own output is asked for.",
            edits=(("output = head_outputs @ wo", "output = x + head_outputs @ wo"),),
        ),
        Mistake(
            "mha-softmax-twice",
            about="softmax applied twice",
            nudge="How often is the softmax taken?",
            hint="Your weights are nearly even, and later tokens get some, too: the softmax has "
            "been applied to its own result.",
            edits=(("softmax(attn_scores)", "softmax(softmax(attn_scores))"),),
        ),
        Mistake(
            "mha-scale-after",
            about="weights scaled after the softmax",
            nudge="Does the scale stand inside or outside of the softmax?",
            hint="The scale is applied to the weights, after the softmax. It belongs to the "
            "scores, before it.",
            edits=(
                ("q @ k.T * attn_scale", "q @ k.T"),
                ("softmax(attn_scores)", "softmax(attn_scores) * attn_scale"),
            ),
        ),
        Mistake(
            "mha-first-layer-always",
            about="the matrices of layer 0 in each layer",
            nudge="What is the third argument for?",
            hint="It is right for layer 0 only: the prefix that is passed in says which layer's "
            "matrices to use.",
            edits=(("    wq = params[", '    layer_prefix = "layers.0"\n    wq = params['),),
        ),
        Mistake(
            "mha-overflow",
            about="softmax without the maximum subtracted",
            nudge="What does exp make of a score of 1000?",
            hint="With large scores the result is nan: e^1000 is too large a number. Subtract the "
            "row's maximum first, as the given softmax does.",
            edits=(
                (
                    "softmax(attn_scores)",
                    "np.exp(attn_scores) / np.exp(attn_scores).sum(axis=-1, keepdims=True)",
                ),
            ),
            fails=("p2-4-test-lengths",),
        ),
        Mistake(
            "mha-global-maximum",
            about="the maximum of the whole matrix subtracted: rows underflow",
            nudge="Which maximum is subtracted before exp, and what is left in other rows?",
            hint="You subtract the largest score of all from every row; where a row's scores lie "
            "far below, nothing is left and 0 is divided by 0. Each row has its own maximum.",
            edits=(
                (
                    "softmax(attn_scores)",
                    "np.exp(attn_scores - attn_scores.max()) "
                    "/ np.exp(attn_scores - attn_scores.max()).sum(axis=-1, keepdims=True)",
                ),
            ),
            fails=("p2-4-test-lengths",),
        ),
        Mistake(
            "mha-one-token",
            about="a single token gives a vector without its row axis",
            nudge="What shape should a text of one token give?",
            hint="For a single token the row axis gets lost: (d_model,) comes back instead of "
            "(1, d_model). Don't squeeze.",
            edits=(("    return output", "    return np.squeeze(output)"),),
            fails=("p2-4-test-lengths",),
        ),
        Mistake(
            "mha-rounded",
            about="weights rounded to two decimals",
            nudge="Is any accuracy lost on the way?",
            hint="Your weights are rounded. Leave numbers as they are; only printing may round.",
            edits=(("softmax(attn_scores)", "np.round(softmax(attn_scores), 2)"),),
        ),
        Mistake(
            "mha-in-place",
            about="scales the stored matrix in place",
            nudge="Are the parameters the same after a call?",
            hint="The first call is right, and it changes the model: the matrix of the queries is "
            "scaled in place, again with each call. Work on a copy.",
            edits=(
                (
                    "    attn_scale = 1 / math.sqrt(head_dim)\n",
                    "    wq /= math.sqrt(head_dim)\n    attn_scale = 1\n",
                ),
            ),
        ),
        Mistake(
            "mha-bard-only",
            about="the global model instead of the argument",
            nudge="Where do the matrices in your code come from?",
            hint="You always read the model that was loaded above. The function is to use the "
            "parameters that it is given.",
            edits=(
                ("    wq = params[", "    params = transformer_model_weights\n    wq = params["),
            ),
            cheat=True,
        ),
        Mistake(
            "mha-printed",
            about="the printed row, tiled, for an input of ones",
            nudge="Where do your numbers come from when all inputs are alike?",
            hint="Your function returns numbers that are written into it. Compute them.",
            code="""\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    printed = [0.48334133, 0.19740422, -0.39514927, -0.40647455, 0.4831646]
    output = np.zeros(x.shape)
    output[:, :5] = printed
    return output
""",
            cheat=True,
        ),
        Mistake(
            "mha-only-values",
            about="values times W_o: right for an input of ones, without any attention",
            nudge="Who attends to whom in your code?",
            hint="You project values and return them: no token looks at another. That is right "
            "only where all tokens are alike.",
            code="""\
def multi_head_attention(x, params, layer_prefix="layers.0"):
    wv = params[f"{layer_prefix}.attention.wv.weight"].T
    wo = params[f"{layer_prefix}.attention.wo.weight"].T
    return x @ wv @ wo
""",
            cheat=True,
        ),
    ),
    held_back=(*HELD_BACK, *transformer_styles.WRONG["multi_head_attention"]),
    rights_held_back=transformer_styles.RIGHTS["multi_head_attention"],
)
