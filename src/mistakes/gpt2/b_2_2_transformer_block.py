"""transformer_block."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import second_half_styles

_NUMBERS, _PARTS, _CAUSAL = "b-2-2-test", "b-2-2-test-parts", "b-2-2-test-causal"

_BEGIN = """\
def transformer_block(x, block, number_of_heads):
    attn, mlp = block["attn"], block["mlp"]
    g_1, b_1 = block["ln_1"]["g"], block["ln_1"]["b"]
    g_2, b_2 = block["ln_2"]["g"], block["ln_2"]["b"]

"""
_PRINTED = """\
        [5.48237426, 5.70075538, 7.99309678, 6.02881051],
        [5.31792934, 5.79076285, 7.68693646, 6.82249198],
        [5.24131333, 5.2736294, 7.99689351, 6.56028712],
"""

CELL = Cell(
    id="b-2-2-solution",
    functions=("transformer_block",),
    where="problem 2.2 of the second half",
    right=_BEGIN
    + """\
    calm = layer_normalization(x, g_1, b_1)  # (n, d)
    heard = multi_head_attention(calm, attn, number_of_heads)  # (n, d)
    stream = x + heard  # (n, d)
    calm_again = layer_normalization(stream, g_2, b_2)  # (n, d)
    thought = feed_forward_network(calm_again, mlp)  # (n, d)
    return stream + thought  # (n, d)
""",
    rights=(
        Right(
            "one line",
            "a single expression with a named middle",
            """\
def transformer_block(x, block, number_of_heads):
    return (
        middle := x
        + multi_head_attention(
            layer_normalization(x, **block["ln_1"]), block["attn"], number_of_heads
        )
    ) + feed_forward_network(layer_normalization(middle, **block["ln_2"]), block["mlp"])
""",
        ),
        Right(
            "closures",
            "a list of layers, each with its normalization",
            """\
def transformer_block(x, block, number_of_heads):
    layers = [
        ("ln_1", lambda y: multi_head_attention(y, block["attn"], number_of_heads)),
        ("ln_2", lambda y: feed_forward_network(y, block["mlp"])),
    ]
    for norm, layer in layers:
        x = x + layer(layer_normalization(x, block[norm]["g"], block[norm]["b"]))
    return x
""",
        ),
        Right(
            "helper",
            "a function that wraps a layer",
            """\
def _sublayer(x, norm, layer):
    return np.add(x, layer(layer_normalization(x, norm["g"], norm["b"])))


def transformer_block(x, block, number_of_heads):
    def attend(y):
        return multi_head_attention(y, block["attn"], number_of_heads)

    def feed(y):
        return feed_forward_network(y, block["mlp"])

    return _sublayer(_sublayer(x, block["ln_1"], attend), block["ln_2"], feed)
""",
        ),
        Right(
            "in its own copy",
            "a copy of the stream, added to in place",
            """\
def transformer_block(x, block, number_of_heads):
    stream = np.array(x, copy=True)
    ln = block["ln_1"]
    stream += multi_head_attention(
        layer_normalization(stream, ln["g"], ln["b"]), block["attn"], number_of_heads
    )
    ln = block["ln_2"]
    stream += feed_forward_network(layer_normalization(stream, ln["g"], ln["b"]), block["mlp"])
    return stream
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def _single(part):
    if isinstance(part, dict):
        return {key: _single(value) for key, value in part.items()}
    return np.asarray(part, dtype=np.float32)


def transformer_block(x, block, number_of_heads):
    x, block = _single(x), _single(block)
    calm = layer_normalization(x, block["ln_1"]["g"], block["ln_1"]["b"])
    x = x + multi_head_attention(calm, block["attn"], number_of_heads)
    calm = layer_normalization(x, block["ln_2"]["g"], block["ln_2"]["b"])
    return x + feed_forward_network(calm, block["mlp"])
""",
        ),
        Right(
            "einsum",
            "without the functions before it: all heads at a time",
            """\
def transformer_block(x, block, number_of_heads):
    def norm(y, g, b):
        y = y - y.mean(axis=-1, keepdims=True)
        return y / np.sqrt((y * y).mean(axis=-1, keepdims=True) + 1e-5) * g + b

    n, d = x.shape
    w, b = block["attn"]["c_attn"]["w"], block["attn"]["c_attn"]["b"]
    qkv = (np.einsum("nd,de->ne", norm(x, **block["ln_1"]), w) + b)
    q, k, v = qkv.reshape(n, 3, number_of_heads, d // number_of_heads).transpose(1, 2, 0, 3)
    scores = np.einsum("hid,hjd->hij", q, k) / np.sqrt(d // number_of_heads)
    scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    heads = np.einsum("hij,hjd->ihd", weights, v).reshape(n, d)
    x = x + heads @ block["attn"]["c_proj"]["w"] + block["attn"]["c_proj"]["b"]
    hidden = norm(x, **block["ln_2"]) @ block["mlp"]["c_fc"]["w"] + block["mlp"]["c_fc"]["b"]
    hidden = hidden / (1 + np.exp(-np.sqrt(8 / np.pi) * (hidden + 0.044715 * hidden**3)))
    return x + hidden @ block["mlp"]["c_proj"]["w"] + block["mlp"]["c_proj"]["b"]
""",
        ),
    ),
    mistakes=(
        Mistake(
            "block-no-residuals",
            about="nothing is added to the stream: each layer replaces it",
            nudge="What do steps 3 and 7 of the text do?",
            hint="The input is lost in your block: what comes out is the feed forward network's "
            "answer alone. Each layer adds to what was there before it.",
            edits=(("stream = x + heard", "stream = heard"), ("return stream +", "return")),
        ),
        Mistake(
            "block-no-first-residual",
            about="the input is not added after attention",
            nudge="What does step 3 of the text add?",
            hint="Only what attention returns goes on in your block. The input x is added to it "
            "before anything else happens.",
            edits=(("stream = x + heard", "stream = heard"),),
        ),
        Mistake(
            "block-no-second-residual",
            about="the stored stream is not added at the end",
            nudge="What does step 7 of the text add?",
            hint="You return what the feed forward network says, without the stream that it speaks "
            "about. Add what step 4 stored.",
            edits=(("return stream + thought", "return thought"),),
        ),
        Mistake(
            "block-first-adds-normalized",
            about="adds the normalized input to what attention returns",
            nudge="Which version of x is added: before or after normalization?",
            hint="After attention you add the normalized copy of x. It is made for attention to "
            "read; the stream itself goes on as it was.",
            edits=(("stream = x + heard", "stream = calm + heard"),),
        ),
        Mistake(
            "block-second-adds-normalized",
            about="adds the normalized stream at the end",
            nudge="Which version of the stream is added at the end?",
            hint="At the end you add the normalized copy of the stream. That one is for the feed "
            "forward network to read; add the stream that step 4 stored.",
            edits=(("return stream + thought", "return calm_again + thought"),),
        ),
        Mistake(
            "block-adds-normalized",
            about="both sums are made with normalized copies",
            nudge="Which versions of x are added in the two formulas?",
            hint="Both times you add the normalized copy, because it took the name of the stream. "
            "Give it a name of its own: what is added is the stream itself.",
            edits=(
                ("stream = x + heard", "stream = calm + heard"),
                ("return stream + thought", "return calm_again + thought"),
            ),
        ),
        Mistake(
            "block-second-adds-input",
            about="adds the block's input at the end, not the stored sum",
            nudge="What exactly was stored in step 4?",
            hint="At the end you add the x with which the block began. What attention contributed "
            "is then lost: add the sum that was stored after it.",
            edits=(("return stream + thought", "return x + thought"),),
        ),
        Mistake(
            "block-input-twice",
            about="adds the input and the stored sum at the end",
            nudge="How many times is x in your result?",
            hint="Your result is too large by exactly x. The stored sum has x in it already.",
            edits=(("return stream + thought", "return x + stream + thought"),),
        ),
        Mistake(
            "block-post-norm",
            about="normalizes after each sum, as the first transformer did",
            nudge="Does normalization come before a layer or after the sum?",
            hint="You normalize the sums, as in the paper of 2017. GPT-2 normalizes what a layer "
            "reads, and leaves the stream alone.",
            code=_BEGIN
            + """\
    x = layer_normalization(x + multi_head_attention(x, attn, number_of_heads), g_1, b_1)
    return layer_normalization(x + feed_forward_network(x, mlp), g_2, b_2)
""",
        ),
        Mistake(
            "block-normalizes-answers",
            about="normalizes what a layer returns instead of what it reads",
            nudge="Does normalization come before a layer or after it?",
            hint="Both layers read the raw stream, and you normalize their answers. It is the "
            "other way round: normalize, then run the layer.",
            code=_BEGIN
            + """\
    x = x + layer_normalization(multi_head_attention(x, attn, number_of_heads), g_1, b_1)
    return x + layer_normalization(feed_forward_network(x, mlp), g_2, b_2)
""",
        ),
        Mistake(
            "block-no-first-norm",
            about="attention reads the stream as it is",
            nudge="What does attention get to read?",
            hint="Attention reads x as it is. Step 1 normalizes it first, with g_1 and b_1.",
            edits=(("multi_head_attention(calm,", "multi_head_attention(x,"),),
        ),
        Mistake(
            "block-no-second-norm",
            about="the feed forward network reads the stream as it is",
            nudge="What does the feed forward network get to read?",
            hint="The feed forward network reads the stream as it is. Step 5 normalizes it first, "
            "with g_2 and b_2.",
            edits=(("feed_forward_network(calm_again,", "feed_forward_network(stream,"),),
        ),
        Mistake(
            "block-no-norms",
            about="no normalization at all",
            nudge="Go through the seven steps and find each in your code.",
            hint="Both layers read the stream as it is: the two normalizations are missing.",
            edits=(
                ("multi_head_attention(calm,", "multi_head_attention(x,"),
                ("feed_forward_network(calm_again,", "feed_forward_network(stream,"),
            ),
        ),
        Mistake(
            "block-norms-swapped",
            about="g_2 and b_2 first, g_1 and b_1 second",
            nudge="Which normalization belongs to which layer?",
            hint="The two normalizations have changed places: ln_1 belongs to attention, ln_2 to "
            "the feed forward network.",
            edits=(("(x, g_1, b_1)", "(x, g_2, b_2)"), ("stream, g_2, b_2)", "stream, g_1, b_1)")),
        ),
        Mistake(
            "block-first-norm-twice",
            about="g_1 and b_1 in both places",
            nudge="Is ln_2 used?",
            hint="You normalize with g_1 and b_1 both times. The second normalization has "
            "parameters of its own.",
            edits=(("(stream, g_2, b_2)", "(stream, g_1, b_1)"),),
        ),
        Mistake(
            "block-gamma-beta-swapped",
            about="hands b over as g and g as b",
            nudge="In which order does layer_normalization take its arguments?",
            hint="Scale and shift have changed places in your calls: layer_normalization takes x, "
            "then g, then b.",
            edits=(("(x, g_1, b_1)", "(x, b_1, g_1)"), ("stream, g_2, b_2)", "stream, b_2, g_2)")),
        ),
        Mistake(
            "block-parallel",
            about="the feed forward network reads the input instead of the sum",
            nudge="What does the second normalization get: x from before or after attention?",
            hint="Both layers read the block's input, side by side. The feed forward network has "
            "to read the stream after attention has added to it.",
            edits=(("layer_normalization(stream, g_2", "layer_normalization(x, g_2"),),
        ),
        Mistake(
            "block-ffn-reads-first-norm",
            about="the feed forward network reads what attention read",
            nudge="What does the feed forward network get to read?",
            hint="The feed forward network gets the same normalized x as attention. Normalize the "
            "stored sum, with g_2 and b_2, and hand that over.",
            edits=(("feed_forward_network(calm_again,", "feed_forward_network(calm,"),),
        ),
        Mistake(
            "block-ffn-reads-heard",
            about="the second normalization gets what attention returned, without x",
            nudge="What exactly is normalized in step 5?",
            hint="Your step 5 normalizes what attention returned. It takes the sum of step 4, in "
            "which x is contained.",
            edits=(("layer_normalization(stream, g_2", "layer_normalization(heard, g_2"),),
        ),
        Mistake(
            "block-ffn-first",
            about="the feed forward network before attention",
            nudge="Which of the two layers comes first?",
            hint="The feed forward network comes first in your block. Attention begins: positions "
            "listen, then each thinks about what it has heard.",
            code=_BEGIN
            + """\
    x = x + feed_forward_network(layer_normalization(x, g_2, b_2), mlp)
    return x + multi_head_attention(layer_normalization(x, g_1, b_1), attn, number_of_heads)
""",
        ),
        Mistake(
            "block-no-attention",
            about="attention is left out",
            nudge="Does any position of your block hear from another one?",
            hint="No position of your block hears from another: attention is missing, or its "
            "result is not used.",
            edits=(("stream = x + heard", "stream = x"),),
        ),
        Mistake(
            "block-no-ffn",
            about="the feed forward network is left out",
            nudge="Is the block's mlp used?",
            hint="You return the stream after attention. Steps 5 to 7, with the feed forward "
            "network, are missing.",
            edits=(("return stream + thought", "return stream"),),
        ),
        Mistake(
            "block-attention-twice",
            about="attention again where the feed forward network should be, before it",
            nudge="How many times does attention run in a block?",
            hint="Attention runs twice in your block: the second time on the sum. Once is enough; "
            "the feed forward network follows at once.",
            edits=(
                (
                    "    calm_again =",
                    "    calm = layer_normalization(stream, g_1, b_1)\n"
                    "    stream = stream + multi_head_attention(calm, attn, number_of_heads)\n"
                    "    calm_again =",
                ),
            ),
        ),
        Mistake(
            "block-two-heads",
            about="2 heads, whatever number_of_heads says",
            nudge="Is every argument of the function used?",
            hint="Your result is right for 2 heads and wrong for any other number: pass "
            "number_of_heads on to attention instead of a number of your own.",
            edits=(("(calm, attn, number_of_heads)", "(calm, attn, 2)"),),
            fails=("b-2-2-test", "b-2-2-test-causal"),
        ),
        Mistake(
            "block-one-head",
            about="1 head, whatever number_of_heads says",
            nudge="Is every argument of the function used?",
            hint="Your attention has one head, however many are asked for: pass number_of_heads on "
            "to it.",
            edits=(("(calm, attn, number_of_heads)", "(calm, attn, 1)"),),
        ),
        Mistake(
            "block-in-place",
            about="adds to x in place",
            nudge="What is in x after your function has returned?",
            hint="The values are right, and the caller's x has been overwritten: += adds in the "
            "array that was handed in. Write the sum as a new array.",
            edits=(("stream = x + heard", "x += heard\n    stream = x"),),
            fails=("b-2-2-test-causal",),
        ),
        Mistake(
            "block-rounded",
            about="rounds its result to 8 decimals",
            nudge="The printed numbers have 8 decimals; does your result need to?",
            hint="Where all numbers are very small your result is 0: it is rounded to 8 decimals. "
            "How many are shown is a matter of printing; return what you computed.",
            edits=(("return stream + thought", "return np.round(stream + thought, 8)"),),
            fails=("b-2-2-test-parts",),
        ),
        Mistake(
            "block-printed",
            about="returns the numbers of the visible test",
            nudge="On what does your result depend?",
            hint="Your function returns the first test's numbers whatever it is given. Compute the "
            "result from x and block.",
            code="""\
def transformer_block(x, block, number_of_heads):
    known = [
"""
            + _PRINTED
            + """\
    ]
    return np.array(known)
""",
            cheat=True,
        ),
        Mistake(
            "block-cached",
            about="the numbers of the visible test, and else the input plus both last biases",
            nudge="Does your function treat all inputs alike?",
            hint="The first test has a case of its own in your function, and the others get "
            "nothing but the biases. Run the layers on x, whatever it is.",
            code="""\
def transformer_block(x, block, number_of_heads):
    known = [
"""
            + _PRINTED
            + """\
    ]
    if x.shape == (3, 4):
        return np.array(known)
    return x + block["attn"]["c_proj"]["b"] + block["mlp"]["c_proj"]["b"]
""",
            cheat=True,
        ),
        Mistake(
            "block-attention-instead",
            about="attention a second time instead of the feed forward network",
            nudge="Which layer of the block comes after attention?",
            hint=(
                "Your block attends twice, and its feed forward network is never used. The "
                "second half is feed_forward_network of the normalized stream, added to the "
                "stream."
            ),
            fails=("b-2-2-test", "b-2-2-test-parts", "b-2-2-test-causal"),
            edits=(
                (
                    "feed_forward_network(calm_again, mlp)",
                    "multi_head_attention(calm_again, attn, number_of_heads)",
                ),
            ),
        ),
    ),
    held_back=(
        HeldBack(
            "layers one after the other",
            ("block-no-residuals",),
            """\
def transformer_block(x, block, number_of_heads):
    y = layer_normalization(x, **block["ln_1"])
    y = multi_head_attention(y, block["attn"], number_of_heads)
    y = layer_normalization(y, **block["ln_2"])
    return feed_forward_network(y, block["mlp"])
""",
        ),
        HeldBack(
            "the stream overwritten by its normalized copy",
            ("block-adds-normalized",),
            """\
def transformer_block(x, block, number_of_heads):
    x = layer_normalization(x, block["ln_1"]["g"], block["ln_1"]["b"])
    x = x + multi_head_attention(x, block["attn"], number_of_heads)
    x = layer_normalization(x, block["ln_2"]["g"], block["ln_2"]["b"])
    x = x + feed_forward_network(x, block["mlp"])
    return x
""",
        ),
        HeldBack(
            "input kept under another name",
            ("block-second-adds-input",),
            """\
def transformer_block(x, block, number_of_heads):
    residual = x
    x = layer_normalization(x, **block["ln_1"])
    x = multi_head_attention(x, block["attn"], number_of_heads) + residual
    x = layer_normalization(x, **block["ln_2"])
    return feed_forward_network(x, block["mlp"]) + residual
""",
        ),
        HeldBack(
            "sums, then normalizations, in a loop",
            ("block-post-norm",),
            """\
def transformer_block(x, block, number_of_heads):
    layers = (
        (lambda y: multi_head_attention(y, block["attn"], number_of_heads), block["ln_1"]),
        (lambda y: feed_forward_network(y, block["mlp"]), block["ln_2"]),
    )
    for layer, norm in layers:
        x = layer_normalization(np.add(x, layer(x)), norm["g"], norm["b"])
    return x
""",
        ),
        HeldBack(
            "both answers added up at once",
            ("block-parallel",),
            """\
def transformer_block(x, block, number_of_heads):
    first = multi_head_attention(
        layer_normalization(x, **block["ln_1"]), block["attn"], number_of_heads
    )
    second = feed_forward_network(layer_normalization(x, **block["ln_2"]), block["mlp"])
    return sum((x, first, second))
""",
        ),
        HeldBack(
            "ln_1 for both, in a loop",
            ("block-first-norm-twice",),
            """\
def transformer_block(x, block, number_of_heads):
    for layer in ("attn", "mlp"):
        calm = layer_normalization(x, block["ln_1"]["g"], block["ln_1"]["b"])
        if layer == "attn":
            x = x + multi_head_attention(calm, block[layer], number_of_heads)
        else:
            x = x + feed_forward_network(calm, block[layer])
    return x
""",
        ),
        HeldBack(
            "ln_1 twice, and the input added at the end",
            ("block-first-norm-twice", "block-second-adds-input"),
            """\
def transformer_block(x, block, number_of_heads):
    def norm(y):
        return layer_normalization(y, **block["ln_1"])

    middle = x + multi_head_attention(norm(x), block["attn"], number_of_heads)
    return x + feed_forward_network(norm(middle), block["mlp"])
""",
        ),
        HeldBack(
            "the sum halved",
            (),
            """\
def transformer_block(x, block, number_of_heads):
    x = (x + multi_head_attention(
        layer_normalization(x, **block["ln_1"]), block["attn"], number_of_heads
    )) / 2
    return (x + feed_forward_network(layer_normalization(x, **block["ln_2"]), block["mlp"])) / 2
""",
        ),
        HeldBack(
            "normalized twice",
            (),
            """\
def transformer_block(x, block, number_of_heads):
    calm = layer_normalization(layer_normalization(x, **block["ln_1"]), **block["ln_1"])
    x = x + multi_head_attention(calm, block["attn"], number_of_heads)
    calm = layer_normalization(layer_normalization(x, **block["ln_2"]), **block["ln_2"])
    return x + feed_forward_network(calm, block["mlp"])
""",
        ),
        *second_half_styles.WRONG["transformer_block"],
    ),
    rights_held_back=second_half_styles.RIGHTS["transformer_block"],
)
