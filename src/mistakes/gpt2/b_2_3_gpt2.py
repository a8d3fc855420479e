"""gpt2."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import second_half_styles

_NUMBERS, _BLOCKS, _CAUSAL = "b-2-3-test", "b-2-3-test-blocks", "b-2-3-test-causal"

_BEGIN = """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    g_final, b_final = ln_f["g"], ln_f["b"]

    # 1. sum word and positional encoding
    x = wte[inputs] + wpe[range(len(inputs))]  # (n, d)

"""
_END = """
    # 4. map back from embedding to vocabulary
    return x @ wte.T  # (n, n_vocab)
"""
_RUN = "x = transformer_block(x, block, number_of_heads)  # (n, d)\n"
_NORM = "    x = layer_normalization(x, g_final, b_final)  # (n, d)\n"
_LOGITS = """\
        [0.46879562, 0.47238197, 0.48180321, 0.68965174, 0.21147434, 0.03055418],
        [0.46138873, 0.42727498, 0.46497538, 0.64368983, 0.22920714, 0.20386448],
        [0.42024847, 0.28598444, 0.3828693, 0.46576073, 0.1682721, 0.19763706],
"""

CELL = Cell(
    id="b-2-3-solution",
    functions=("gpt2",),
    where="problem 2.3 of the second half",
    right=_BEGIN + "    for block in blocks:\n        " + _RUN + _NORM + _END,
    rights=(
        Right(
            "fold",
            "the blocks folded over the stream",
            """\
from functools import reduce


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    start = np.take(wte, inputs, axis=0) + wpe[: len(inputs)]
    end = reduce(lambda x, block: transformer_block(x, block, number_of_heads), blocks, start)
    return np.einsum("nd,vd->nv", layer_normalization(end, ln_f["g"], ln_f["b"]), wte)
""",
        ),
        Right(
            "recursion",
            "the first block, then the rest",
            """\
def _through(x, blocks, number_of_heads):
    if not blocks:
        return x
    first, *rest = blocks
    return _through(transformer_block(x, first, number_of_heads), rest, number_of_heads)


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[range(len(inputs))]
    return layer_normalization(_through(x, blocks, number_of_heads), **ln_f) @ wte.T
""",
        ),
        Right(
            "one-hot",
            "tokens as one-hot rows, blocks by index",
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    tokens = np.eye(len(wte))[inputs]
    x = tokens @ wte + np.eye(len(inputs), len(wpe)) @ wpe
    for i in range(len(blocks)):
        x = transformer_block(x, blocks[i], number_of_heads)
    x = layer_normalization(x, ln_f["g"], ln_f["b"])
    return np.dot(wte, x.T).T
""",
        ),
        Right(
            "depths",
            "a list of the stream at every depth",
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = np.array([wte[token] + wpe[place] for place, token in enumerate(inputs)])
    stream = [x]
    for block in blocks:
        stream.append(transformer_block(stream[-1], block, number_of_heads))
    last = layer_normalization(stream[-1], ln_f["g"], ln_f["b"])
    return np.stack([[row @ vector for vector in wte] for row in last])
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def _single(part):
    if isinstance(part, dict):
        return {key: _single(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_single(value) for value in part]
    return np.asarray(part, dtype=np.float32)


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    wte, wpe, blocks, ln_f = _single(wte), _single(wpe), _single(blocks), _single(ln_f)
    x = wte[inputs]
    x += wpe[: len(inputs)]
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
        ),
        Right(
            "queue",
            "its own queue of blocks, emptied",
            """\
from collections import deque


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[np.asarray(inputs)] + wpe[np.arange(len(inputs))]
    waiting = deque(blocks)
    while waiting:
        x = transformer_block(x, waiting.popleft(), number_of_heads)
    g, b = ln_f["g"], ln_f["b"]
    x = layer_normalization(x, g, b)
    return np.matmul(x, wte.transpose())
""",
        ),
    ),
    mistakes=(
        Mistake(
            "gpt2-no-blocks",
            about="the blocks are left out, or their result is not used",
            nudge="Does any position of your model hear from another one?",
            hint="Your result is that of a model without any block: they are missing, or what they "
            "return is not used. Run the stream through each, and go on with what comes out.",
            edits=(("    for block in blocks:\n        " + _RUN, ""),),
        ),
        Mistake(
            "gpt2-no-final-norm",
            about="the last normalization is left out, or its result is not used",
            nudge="Are g_final and b_final used?",
            hint="Your stream goes straight from the last block to the vocabulary. Step 3, the "
            "normalization with g_final and b_final, is missing or its result is not used.",
            edits=((_NORM, ""),),
        ),
        Mistake(
            "gpt2-norm-in-loop",
            about="the last normalization after every block, inside the loop",
            nudge="How many times does the last normalization run?",
            hint="The normalization of step 3 runs after each block, since it stands inside the "
            "loop. It runs once, when all blocks are done.",
            edits=((_NORM, "    " + _NORM),),
        ),
        Mistake(
            "gpt2-norm-after-each-block",
            about="normalized after every block and once more at the end",
            nudge="How many times does the last normalization run?",
            hint="The normalization of step 3 runs after each block and again at the end. It runs "
            "once, when all blocks are done.",
            edits=((_RUN, _RUN + "    " + _NORM),),
        ),
        Mistake(
            "gpt2-norm-first",
            about="the last normalization before the blocks instead of after them",
            nudge="In which order do steps 2 and 3 come?",
            hint="You normalize before the blocks with what belongs after them. Blocks first, then "
            "the normalization with g_final and b_final.",
            edits=(
                ("    for block in blocks:", _NORM + "    for block in blocks:"),
                (_RUN + _NORM, _RUN),
            ),
        ),
        Mistake(
            "gpt2-norm-before-and-after",
            about="the last normalization before the blocks as well",
            nudge="What goes into the first block?",
            hint="The embeddings are normalized before the first block, which no step asks for. "
            "The sum of step 1 goes into the blocks as it is.",
            edits=(("    for block in blocks:", _NORM + "    for block in blocks:"),),
        ),
        Mistake(
            "gpt2-same-input",
            about="every block reads the embeddings; the last one wins",
            nudge="What does the second block get to read?",
            hint="Every block of yours reads the embeddings, and only the last one counts. Each "
            "block has to read what the one before returned.",
            edits=(
                ("    for block in blocks:", "    start = x\n    for block in blocks:"),
                ("transformer_block(x,", "transformer_block(start,"),
            ),
        ),
        Mistake(
            "gpt2-blocks-summed",
            about="every block reads the embeddings, and their results are added up",
            nudge="What does the second block get to read?",
            hint="Your blocks stand side by side: all read the embeddings, and their results are "
            "added. They come one after the other, each on the result of the one before.",
            edits=(
                ("    for block in blocks:", "    start = x\n    for block in blocks:"),
                ("x = transformer_block(x,", "x = x + transformer_block(start,"),
            ),
        ),
        Mistake(
            "gpt2-extra-residual",
            about="adds the stream to each block's result again",
            nudge="What does transformer_block add already?",
            hint="You add the stream to what a block returns. The block has done that itself: its "
            "result is the new stream.",
            edits=(("x = transformer_block(x,", "x = x + transformer_block(x,"),),
        ),
        Mistake(
            "gpt2-long-residual",
            about="adds the embeddings after the last block",
            nudge="What goes into the last normalization?",
            hint="After the last block you add the embeddings once more. They are in the stream "
            "already: every block has added to them.",
            edits=(
                ("    for block in blocks:", "    start = x\n    for block in blocks:"),
                (_NORM, "    x = x + start\n" + _NORM),
            ),
        ),
        Mistake(
            "gpt2-reversed",
            about="the last block first",
            nudge="In which order do the blocks come?",
            hint="Your result is right for one block and wrong for more: yours run from the last "
            "to the first. Take them as the list has them.",
            edits=(("in blocks:", "in blocks[::-1]:"),),
        ),
        Mistake(
            "gpt2-first-block-only",
            about="runs the first block only",
            nudge="How many of the blocks run?",
            hint="Your result is right for one block and wrong for more: only the first of the "
            "list runs.",
            edits=(("in blocks:", "in blocks[:1]:"),),
        ),
        Mistake(
            "gpt2-return-in-loop",
            about="normalizes and returns inside the loop: one block, and None without any",
            nudge="Which lines belong to the loop?",
            hint="Your function returns after its first turn through the loop, since all that "
            "follows is indented too. Only the block stands inside it.",
            code=_BEGIN
            + """\
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
        x = layer_normalization(x, g_final, b_final)
        return x @ wte.T
""",
        ),
        Mistake(
            "gpt2-skips-last-block",
            about="leaves out the last block",
            nudge="How many of the blocks run?",
            hint="Your loop ends one block too early: the last one of the list never runs.",
            edits=(("in blocks:", "in blocks[:-1]:"),),
        ),
        Mistake(
            "gpt2-skips-first-block",
            about="leaves out the first block",
            nudge="With which block does your loop begin?",
            hint="Your loop begins with the second block: indices count from 0, and the first one "
            "has to run, too.",
            edits=(("in blocks:", "in blocks[1:]:"),),
        ),
        Mistake(
            "gpt2-first-block-repeated",
            about="runs the first block as many times as there are blocks",
            nudge="Which block runs in the second turn of your loop?",
            hint="The first block runs again and again in your loop. Each turn takes the next one "
            "of the list.",
            edits=(("transformer_block(x, block,", "transformer_block(x, blocks[0],"),),
        ),
        Mistake(
            "gpt2-blocks-twice",
            about="runs every block twice in a row",
            nudge="How many times does each block run?",
            hint="Each block runs twice in your function: the second time on its own result.",
            edits=((_RUN, _RUN + "        " + _RUN),),
        ),
        Mistake(
            "gpt2-twelve-blocks",
            about="always 12 blocks, as the smallest GPT-2 has",
            nudge="How many blocks are in the list?",
            hint="Your loop expects 12 blocks, as in the smallest GPT-2. Go over the list, however "
            "long it is.",
            edits=(
                ("for block in blocks:", "for i in range(12):"),
                ("transformer_block(x, block,", "transformer_block(x, blocks[i],"),
            ),
        ),
        Mistake(
            "gpt2-two-heads",
            about="2 heads, whatever number_of_heads says",
            nudge="Is every argument of the function used?",
            hint="Your result is right for 2 heads and wrong for any other number: pass "
            "number_of_heads on to the blocks.",
            edits=(("block, number_of_heads)", "block, 2)"),),
            fails=("b-2-3-test", "b-2-3-test-causal"),
        ),
        Mistake(
            "gpt2-heads-from-blocks",
            about="as many heads as blocks",
            nudge="How many heads does a block have?",
            hint="You use as many heads as there are blocks. The two have nothing to do with each "
            "other: pass number_of_heads on.",
            edits=(("block, number_of_heads)", "block, len(blocks))"),),
            fails=("b-2-3-test", "b-2-3-test-blocks"),
        ),
        Mistake(
            "gpt2-final-swapped",
            about="b_final as scale, g_final as shift",
            nudge="In which order does layer_normalization take its arguments?",
            hint="Scale and shift of the last normalization have changed places: first x, then g, "
            "then b.",
            edits=(("(x, g_final, b_final)", "(x, b_final, g_final)"),),
        ),
        Mistake(
            "gpt2-final-norm-of-block",
            about="normalizes with the last block's ln_2 at the end",
            nudge="Which parameters does the last normalization have?",
            hint="At the end you normalize with parameters of a block. The last normalization has "
            "its own, ln_f.",
            edits=(
                (
                    "layer_normalization(x, g_final, b_final)",
                    'layer_normalization(x, blocks[-1]["ln_2"]["g"], blocks[-1]["ln_2"]["b"])',
                ),
            ),
        ),
        Mistake(
            "gpt2-plain-final-norm",
            about="the last normalization without scale and shift",
            nudge="Are g_final and b_final used?",
            hint="At the end you normalize with scale 1 and shift 0. Both are learned: g_final and "
            "b_final.",
            edits=(("(x, g_final, b_final)", "(x, 1, 0)"),),
        ),
        Mistake(
            "gpt2-no-positions",
            about="the position embeddings are left out",
            nudge="Does your model know in which order the tokens come?",
            hint="The vectors of the positions are missing in the sum of step 1, which was given: "
            "put that line back as it was.",
            edits=((" + wpe[range(len(inputs))]", ""),),
        ),
        Mistake(
            "gpt2-positions-from-one",
            about="positions counted from 1",
            nudge="Which row of wpe belongs to the first token?",
            hint="Your positions are counted from 1, so each token gets its neighbour's, and a "
            "full text runs out of them. The first one is 0, as in the line that was given.",
            edits=(("range(len(inputs))", "range(1, len(inputs) + 1)"),),
        ),
        Mistake(
            "gpt2-positions-of-tokens",
            about="the token's id as its position",
            nudge="What does a row of wpe stand for?",
            hint="You look the position's vector up by the token's id. Rows of wpe stand for "
            "places in the text: 0, 1, 2 and so on.",
            edits=(("wpe[range(len(inputs))]", "wpe[inputs]"),),
        ),
        Mistake(
            "gpt2-last-row",
            about="returns the scores after the last position only",
            nudge="What shape should the result have?",
            hint="You return the scores after the last position only. The result has a row for "
            "each; generate takes the last one itself.",
            edits=(("x @ wte.T", "x[-1] @ wte.T"),),
        ),
        Mistake(
            "gpt2-softmax",
            about="returns probabilities",
            nudge="Are logits probabilities?",
            hint="Your rows sum to 1: the scores have gone through softmax. Logits are the inner "
            "products themselves, as in the line that was given.",
            edits=(("return x @ wte.T", "return softmax(x @ wte.T)"),),
        ),
        Mistake(
            "gpt2-stream-returned",
            about="returns the stream, not mapped to the vocabulary",
            nudge="What shape should the result have?",
            hint="You return the stream itself, d wide. The last line that was given maps it to "
            "scores, one for each token of the vocabulary.",
            edits=(("return x @ wte.T", "return x"),),
        ),
        Mistake(
            "gpt2-blocks-used-up",
            about="takes the blocks out of the caller's list",
            nudge="What is in the list of blocks after your function has returned?",
            hint="The first call is right and the second one has no blocks left: pop takes them "
            "out of the caller's list. Go over the list without changing it.",
            edits=(("for block in blocks:", "while blocks:\n        block = blocks.pop(0)"),),
            fails=("b-2-3-test-causal",),
        ),
        Mistake(
            "gpt2-embeddings-in-place",
            about="adds the positions to wte in place",
            nudge="What is in wte after your function has returned?",
            hint="The positions are added to the rows of wte itself, and wte is needed unchanged "
            "for the scores and for the next call. Make a new array.",
            edits=(
                (
                    "x = wte[inputs] + wpe[range(len(inputs))]",
                    "wte[inputs] += wpe[range(len(inputs))]\n    x = wte[inputs]",
                ),
            ),
        ),
        Mistake(
            "gpt2-rounded",
            about="rounds the scores to 8 decimals",
            nudge="The printed numbers have 8 decimals; does your result need to?",
            hint="Where all scores are very small yours are 0: they are rounded to 8 decimals. How "
            "many are shown is a matter of printing; return what you computed.",
            edits=(("return x @ wte.T", "return np.round(x @ wte.T, 8)"),),
            fails=("b-2-3-test",),
        ),
        Mistake(
            "gpt2-printed",
            about="returns the numbers of the visible test",
            nudge="On what does your result depend?",
            hint="Your function returns the first test's numbers whatever it is given. Compute the "
            "result from the arguments.",
            code="""\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    logits = [
"""
            + _LOGITS
            + """\
    ]
    return np.array(logits)
""",
            cheat=True,
        ),
        Mistake(
            "gpt2-cached",
            about="the numbers of the visible test, and else a model without blocks",
            nudge="Does your function treat all inputs alike?",
            hint="The first test has a case of its own in your function, and no block ever runs. "
            "Run them on the stream, whatever the inputs are.",
            code="""\
KNOWN = np.array(
    [
"""
            + _LOGITS
            + """\
    ]
)


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    if list(inputs) == [3, 0, 5]:
        return KNOWN
    x = wte[inputs] + wpe[range(len(inputs))]
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
            cheat=True,
        ),
        Mistake(
            "gpt2-padded",
            about="runs the first block and repeats the first row in the right shape",
            nudge="Does each row of your result belong to its own position?",
            hint="All rows of your result are the same: the first one, repeated until the shape "
            "fits. Each position has scores of its own.",
            code=_BEGIN
            + """\
    for block in blocks:
        x = transformer_block(x[:1], block, number_of_heads)
    x = layer_normalization(x[:1], g_final, b_final)
    return np.repeat(x @ wte.T, len(inputs), axis=0)
""",
            cheat=True,
        ),
    ),
    held_back=(
        HeldBack(
            "result never assigned",
            ("gpt2-no-blocks",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[range(len(inputs))]
    for block in blocks:
        transformer_block(x, block, number_of_heads)
    x = layer_normalization(x, ln_f["g"], ln_f["b"])
    return x @ wte.T
""",
        ),
        HeldBack(
            "normalization never assigned",
            ("gpt2-no-final-norm",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    h = np.add(wte[inputs], wpe[: len(inputs)])
    for i in range(len(blocks)):
        h = transformer_block(h, blocks[i], number_of_heads)
    layer_normalization(h, ln_f["g"], ln_f["b"])
    return np.einsum("nd,vd->nv", h, wte)
""",
        ),
        HeldBack(
            "loop with its normalization, folded",
            ("gpt2-norm-in-loop",),
            """\
from functools import reduce


def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    def step(x, block):
        return layer_normalization(transformer_block(x, block, number_of_heads), **ln_f)

    return reduce(step, blocks, wte[inputs] + wpe[: len(inputs)]) @ wte.T
""",
        ),
        HeldBack(
            "outputs under another name",
            ("gpt2-same-input",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[range(len(inputs))]
    out = x
    for block in blocks:
        out = transformer_block(x, block, number_of_heads)
    out = layer_normalization(out, ln_f["g"], ln_f["b"])
    return out @ wte.T
""",
        ),
        HeldBack(
            "a residual around each block",
            ("gpt2-extra-residual",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = np.stack([wte[t] + wpe[i] for i, t in enumerate(inputs)])
    for block in blocks:
        residual = x.copy()
        x = transformer_block(x, block, number_of_heads)
        x = np.add(x, residual)
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
        ),
        HeldBack(
            "indices that end too early",
            ("gpt2-skips-last-block",),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs] + wpe[range(len(inputs))]
    i = 0
    while i < len(blocks) - 1:
        x = transformer_block(x, blocks[i], number_of_heads)
        i += 1
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
        ),
        HeldBack(
            "no positions and no last normalization",
            ("gpt2-no-positions", "gpt2-no-final-norm"),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    x = wte[inputs]
    for block in blocks:
        x = transformer_block(x, block, number_of_heads)
    return x @ wte.T
""",
        ),
        HeldBack(
            "the mean over all depths",
            (),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    depths = [wte[inputs] + wpe[range(len(inputs))]]
    for block in blocks:
        depths.append(transformer_block(depths[-1], block, number_of_heads))
    return layer_normalization(np.mean(depths, axis=0), ln_f["g"], ln_f["b"]) @ wte.T
""",
        ),
        HeldBack(
            "scores from the positions' vectors",
            (),
            """\
def gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads):
    places = wpe[range(len(inputs))]
    x = wte[inputs] + places
    for block in blocks:
        x = transformer_block(x, block, number_of_heads) + places
    return layer_normalization(x, ln_f["g"], ln_f["b"]) @ wte.T
""",
        ),
        *second_half_styles.WRONG["gpt2"],
    ),
    rights_held_back=second_half_styles.RIGHTS["gpt2"],
)
