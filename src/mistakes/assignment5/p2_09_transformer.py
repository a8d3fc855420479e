"""transformer: embeddings, positions, layers, head."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

OWN = ("p2-10-test", "p2-10-test-parts", "p2-10-test-causal")
GENERATION = ("p2-11-test", "p2-11-test-sampling", "p2-11-test-temperature")
ALL = (*OWN, *GENERATION)

RIGHT = """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)  # (n, d_model)
    pe = get_sinusoidal_positional_embeddings(x.shape[0], x.shape[1])  # (n, d_model)
    x = x + pe  # (n, d_model)
    for i in range(n_layers):
        attn_out = multi_head_attention(x, params, layer_prefix=f"layers.{i}")  # (n, d_model)
        x = x + attn_out  # (n, d_model)
        mlp_out = mlp(x, params, layer_prefix=f"layers.{i}")  # (n, d_model)
        x = x + mlp_out  # (n, d_model)
    return prediction_head(x, params)  # (n, vocab_size)
"""

ATTN = (
    '        attn_out = multi_head_attention(x, params, layer_prefix=f"layers.{i}")'
    "  # (n, d_model)\n"
)
ADD_ATTN = "        x = x + attn_out  # (n, d_model)\n"
MLP = '        mlp_out = mlp(x, params, layer_prefix=f"layers.{i}")  # (n, d_model)\n'
ADD_MLP = "        x = x + mlp_out  # (n, d_model)\n"
ADD_PE = "    x = x + pe  # (n, d_model)\n"
EMBED = "    x = embed_tokens(tokens, params)  # (n, d_model)\n"

CELL = Cell(
    id="p2-9-solution",
    functions=("transformer",),
    where="problem 2.9",
    right=RIGHT,
    rights=(
        Right(
            "one expression a layer",
            "residuals nested",
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = np.add(x, get_sinusoidal_positional_embeddings(*x.shape))
    for prefix in [f"layers.{i}" for i in range(n_layers)]:
        seen = x + multi_head_attention(x, params, prefix)
        x = seen + mlp(seen, params, prefix)
    return prediction_head(x, params)
""",
        ),
        Right(
            "reduce",
            "layers folded over the stream",
            """\
from functools import reduce


def transformer(tokens, params):
    def layer(x, i):
        x = x + multi_head_attention(x, params, layer_prefix="layers." + str(i))
        return x + mlp(x, params, layer_prefix="layers." + str(i))

    x = embed_tokens(tokens, params)
    start = x + get_sinusoidal_positional_embeddings(len(x), d_model)
    return prediction_head(reduce(layer, range(n_layers), start), params)
""",
        ),
        Right(
            "in double precision",
            "the stream in float64",
            """\
def transformer(tokens, params):
    x = np.array(embed_tokens(tokens, params), dtype=np.float64)
    x += get_sinusoidal_positional_embeddings(x.shape[0], x.shape[1])
    for i in range(n_layers):
        x += multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x += mlp(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
        ),
        Right(
            "in single precision",
            "the stream in float32",
            """\
def transformer(tokens, params):
    x = np.asarray(embed_tokens(list(tokens), params), dtype=np.float32)
    pe = get_sinusoidal_positional_embeddings(len(tokens), x.shape[1])
    x = (x + pe).astype(np.float32)
    for i in range(n_layers):
        x = (x + multi_head_attention(x, params, f"layers.{i}")).astype(np.float32)
        x = (x + mlp(x, params, f"layers.{i}")).astype(np.float32)
    return prediction_head(x, params)
""",
        ),
        Right(
            "recursion",
            "each layer asks for what the layers before it give",
            """\
def transformer(tokens, params):
    def stream(k):
        if k == 0:
            x = embed_tokens(tokens, params)
            return x + get_sinusoidal_positional_embeddings(x.shape[0], x.shape[1])
        x = stream(k - 1)
        x = multi_head_attention(x, params, f"layers.{k - 1}") + x
        return mlp(x, params, f"layers.{k - 1}") + x

    return prediction_head(stream(n_layers), params)
""",
        ),
        *transformer_styles.KINDS["transformer"],
    ),
    mistakes=(
        Mistake(
            "transformer-no-positions",
            about="positional embeddings are not added",
            nudge="What becomes of the positional embeddings?",
            hint="Your logits are those of a model that does not know positions: what "
            "get_sinusoidal_positional_embeddings returns has to be added to the embeddings.",
            edits=((ADD_PE, ""),),
        ),
        Mistake(
            "transformer-positions-only",
            about="positional embeddings in the place of the tokens'",
            nudge="Does the result depend on the tokens?",
            hint="Your stream starts from the positions alone: x = pe overwrites the embeddings of "
            "the tokens. Add the two.",
            edits=(("    x = x + pe", "    x = pe"),),
        ),
        Mistake(
            "transformer-positions-each-layer",
            about="positional embeddings added in every layer",
            nudge="How often are the positions added?",
            hint="You add the positional embeddings in every layer. They are added once, before "
            "the first.",
            edits=((ADD_PE, ""), (ATTN, "    " + ADD_PE + ATTN)),
        ),
        Mistake(
            "transformer-positions-after",
            about="positional embeddings added after the layers",
            nudge="When does the stream learn about positions?",
            hint="You add the positional embeddings after the layers. They belong before the "
            "first, so that attention can use them.",
            edits=((ADD_PE, ""), ("    return prediction", ADD_PE + "    return prediction")),
        ),
        Mistake(
            "transformer-positions-shifted",
            about="positions counted from 1",
            nudge="Which position does the first token have?",
            hint="Your first token has position 1. Positions are counted from 0.",
            edits=(("(x.shape[0], x.shape[1])", "(x.shape[0] + 1, x.shape[1])[1:]"),),
        ),
        Mistake(
            "transformer-no-attention-residual",
            about="the residual around attention is missing",
            nudge="What is added to the attention's output?",
            hint="After attention your stream holds attn_out alone. The residual connection adds "
            "it to what was there: x + attn_out.",
            edits=(("        x = x + attn_out", "        x = attn_out"),),
        ),
        Mistake(
            "transformer-no-mlp-residual",
            about="the residual around the MLP is missing",
            nudge="What is added to the MLP's output?",
            hint="After the MLP your stream holds mlp_out alone. The residual connection adds it "
            "to what was there: x + mlp_out.",
            edits=(("        x = x + mlp_out", "        x = mlp_out"),),
        ),
        Mistake(
            "transformer-no-residuals",
            about="both residuals are missing",
            nudge="What is left of the embeddings after the first layer?",
            hint="Neither attention nor MLP of yours is added to the stream: both replace it. Add "
            "each to x.",
            edits=(
                ("        x = x + attn_out", "        x = attn_out"),
                ("        x = x + mlp_out", "        x = mlp_out"),
            ),
        ),
        Mistake(
            "transformer-parallel",
            about="attention and MLP read the same stream",
            nudge="What does the MLP read?",
            hint="Your MLP reads the stream as it was before attention. It reads the stream that "
            "attention has already been added to.",
            edits=((ATTN, "        before = x\n" + ATTN), ("mlp(x, params", "mlp(before, params")),
        ),
        Mistake(
            "transformer-residual-from-start",
            about="the MLP's residual comes from before attention: attention is lost",
            nudge="To what is the MLP's output added?",
            hint="You add the MLP's output to the stream before attention, so that attention only "
            "reaches the MLP. Add it to the stream after attention.",
            edits=(
                (ATTN, "        before = x\n" + ATTN),
                ("x = x + mlp_out", "x = before + mlp_out"),
            ),
        ),
        Mistake(
            "transformer-attention-doubled",
            about="attention's output is added twice",
            nudge="How often is each output added to the stream?",
            hint="You add the attention's output a second time, with the MLP's. Once is enough: "
            "the stream keeps it.",
            edits=(("x = x + mlp_out", "x = x + attn_out + mlp_out"),),
        ),
        Mistake(
            "transformer-mlp-on-attention",
            about="the MLP reads the attention's output instead of the stream",
            nudge="What does the MLP read?",
            hint="Your MLP reads attn_out. It reads the stream x, which attn_out was added to.",
            edits=(("mlp(x, params", "mlp(attn_out, params"),),
        ),
        Mistake(
            "transformer-no-attention",
            about="attention is computed and not used",
            nudge="Does attention have an effect?",
            hint="Attention has no effect on your logits: its output is never added to the stream.",
            edits=((ADD_ATTN, ""),),
        ),
        Mistake(
            "transformer-no-mlp",
            about="the MLP is computed and not used",
            nudge="Does the MLP have an effect?",
            hint="The MLP has no effect on your logits: its output is never added to the stream.",
            edits=((ADD_MLP, ""),),
        ),
        Mistake(
            "transformer-same-layer",
            about="layer 0's weights in every layer",
            nudge="Which weights does the second layer use?",
            hint="All your layers use the weights of layer 0. Pass layer_prefix with the number of "
            "the layer, to attention and to the MLP.",
            edits=(
                (
                    'multi_head_attention(x, params, layer_prefix=f"layers.{i}")',
                    "multi_head_attention(x, params)",
                ),
                ('mlp(x, params, layer_prefix=f"layers.{i}")', "mlp(x, params)"),
            ),
        ),
        Mistake(
            "transformer-mlp-of-layer-0",
            about="the MLP always with layer 0's weights",
            nudge="Which weights does the second layer's MLP use?",
            hint="Your MLPs all use the weights of layer 0: layer_prefix is missing in the call.",
            edits=(('mlp(x, params, layer_prefix=f"layers.{i}")', "mlp(x, params)"),),
        ),
        Mistake(
            "transformer-layers-reversed",
            about="layers from the last to the first",
            nudge="In which order do the layers run?",
            hint="Your layers run from the last to the first. They run in the order of their "
            "numbers.",
            edits=(("in range(n_layers)", "in reversed(range(n_layers))"),),
        ),
        Mistake(
            "transformer-layer-missing",
            about="the first layer is left out",
            nudge="With which number does the first layer begin?",
            hint="Your loop begins at layer 1. The first layer has the number 0.",
            edits=(("in range(n_layers)", "in range(1, n_layers)"),),
        ),
        Mistake(
            "transformer-layers-unchained",
            about="every layer reads the embeddings, and only the last one counts",
            nudge="What does the second layer read?",
            hint="All your layers read the embeddings, and only the last one's output is used. "
            "Each layer reads what the layer before it has left in the stream.",
            edits=((ADD_PE, ADD_PE + "    first = x\n"), (ATTN, "        x = first\n" + ATTN)),
        ),
        Mistake(
            "transformer-mlp-first",
            about="the MLP before attention",
            nudge="Which comes first in a layer?",
            hint="Your layers run the MLP before attention. Attention comes first.",
            edits=((ATTN + ADD_ATTN + MLP + ADD_MLP, MLP + ADD_MLP + ATTN + ADD_ATTN),),
        ),
        Mistake(
            "transformer-probabilities",
            about="probabilities instead of logits",
            nudge="Are logits asked for, or probabilities?",
            hint="Your rows sum to one: you return softmax of the logits. The function returns the "
            "logits themselves.",
            edits=(("prediction_head(x, params)", "softmax(prediction_head(x, params))"),),
        ),
        Mistake(
            "transformer-last-row",
            about="logits after the last token only",
            nudge="How many rows does the result have?",
            hint="You return the logits after the last token only. There is a row for each token.",
            edits=(("return prediction_head(x, params)", "return prediction_head(x, params)[-1]"),),
        ),
        Mistake(
            "transformer-embeddings-scaled",
            about="embeddings multiplied by sqrt(d_model), as in the original paper",
            nudge="Is anything done to the embeddings before the positions are added?",
            hint="You multiply the embeddings by the root of d_model. The first Transformer did "
            "that; this model does not.",
            edits=((EMBED, EMBED + "    x = x * math.sqrt(x.shape[1])\n"),),
        ),
        Mistake(
            "transformer-positions-twice",
            about="positional embeddings added twice",
            nudge="How often are the positions added?",
            hint="The positional embeddings have been added twice. Once is enough.",
            edits=(("    x = x + pe", "    x = x + 2 * pe"),),
        ),
        Mistake(
            "transformer-positions-alternate",
            about="sines and cosines alternate, as in the first Transformer paper",
            nudge="In which order do the columns of the positions stand?",
            hint="Your positions alternate sines and cosines, as in the first paper. This model "
            "has all sines first: add what the given function returns.",
            edits=(
                (
                    ADD_PE,
                    "    pe = pe.reshape(len(pe), 2, -1).transpose(0, 2, 1)"
                    ".reshape(pe.shape)\n" + ADD_PE,
                ),
            ),
        ),
        Mistake(
            "transformer-layers-twice",
            about="all layers run twice",
            nudge="How many layers does the stream pass?",
            hint="Your stream passes each layer twice. Count the runs of the loop.",
            edits=(("in range(n_layers)", "in [*range(n_layers), *range(n_layers)]"),),
        ),
        Mistake(
            "transformer-last-layer-missing",
            about="the last layer is left out",
            nudge="With which number does the last layer end?",
            hint="Your loop ends one layer early. There are n_layers of them, counted from 0.",
            edits=(("in range(n_layers)", "in range(n_layers - 1)"),),
        ),
        Mistake(
            "transformer-layers-summed",
            about="every layer reads the embeddings, and all they write is added up",
            nudge="What does the second layer read?",
            hint="Your layers all read the embeddings, and what they write is added up at the end. "
            "Each layer has to read what the layers before it have written.",
            code="""\
def transformer(tokens, params):
    start = embed_tokens(tokens, params)
    start = start + get_sinusoidal_positional_embeddings(*start.shape)
    total = start
    for i in range(n_layers):
        seen = start + multi_head_attention(start, params, layer_prefix=f"layers.{i}")
        total = total + seen - start + mlp(seen, params, layer_prefix=f"layers.{i}")
    return prediction_head(total, params)
""",
        ),
        Mistake(
            "transformer-residual-doubled",
            about="the stream is doubled where attention is added",
            nudge="What exactly is added to the attention's output?",
            hint="At attention's residual your stream is doubled: x is added to a sum that holds x "
            "already. Add it once.",
            edits=(("        x = x + attn_out", "        x = x + x + attn_out"),),
        ),
        Mistake(
            "transformer-normalised",
            about="the stream is normalised before attention",
            nudge="Is anything done to the stream before attention reads it?",
            hint="You normalise the stream before attention. Real Transformers do; this one was "
            "trained without.",
            edits=(
                (
                    "multi_head_attention(x, params",
                    "multi_head_attention((x - x.mean(-1, keepdims=True)) "
                    "/ x.std(-1, keepdims=True), params",
                ),
            ),
        ),
        Mistake(
            "transformer-tied-head",
            about="the embeddings in the place of the prediction head's weights",
            nudge="Which function turns the stream into logits?",
            hint="You multiply the stream with the embeddings. This model has a head of its own: "
            "call prediction_head.",
            edits=(("prediction_head(x, params)", 'x @ params["word_embedding.weight"].T'),),
        ),
        Mistake(
            "transformer-no-head",
            about="the stream itself is returned",
            nudge="What shape should the result have?",
            hint="You return the stream, d_model numbers a token. The prediction head turns it "
            "into logits, one for each token of the vocabulary.",
            edits=(("prediction_head(x, params)", "x"),),
        ),
        Mistake(
            "transformer-positions-kept",
            about="the positions of the first text, kept for all later ones",
            nudge="Does the second call give what the first one gave?",
            hint="Your positions are made once, for the first text, and are cut or too short for "
            "the next. Make them anew in each call.",
            code="""\
_positions = []


def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    if not _positions:
        _positions.append(get_sinusoidal_positional_embeddings(*x.shape))
    x = x + _positions[0]
    for i in range(n_layers):
        x = x + multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x = x + mlp(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
        ),
        Mistake(
            "transformer-printed",
            about="the printed values, padded to the right shape",
            nudge="Where do your numbers come from?",
            hint="Your function returns numbers that are written into it. Compute them.",
            code="""\
def transformer(tokens, params):
    printed = [
        [-1.96413494, -5.12566872, -5.90677725, -5.57889829, -3.85043572],
        [-2.31297382, -4.97034061, -3.49086669, -5.39965866, -3.99684957],
        [-2.97001738, -4.8404957, -4.04949199, -4.01892112, -6.03806011],
    ]
    logits = np.zeros((len(tokens), len(params["fc_out.bias"])))
    logits[:3, :5] = printed[: len(tokens)]
    return logits
""",
            cheat=True,
        ),
        Mistake(
            "transformer-global-params",
            about="the global weights instead of the argument",
            nudge="Which weights does the function use when it is given others?",
            hint="Your function reads the Bard's weights whatever it is given. Use the argument "
            "params.",
            code="""\
_bard = load_transformer_weights()


def transformer(tokens, params):
    x = embed_tokens(tokens, _bard)
    x = x + get_sinusoidal_positional_embeddings(x.shape[0], x.shape[1])
    for i in range(n_layers):
        x = x + multi_head_attention(x, _bard, layer_prefix=f"layers.{i}")
        x = x + mlp(x, _bard, layer_prefix=f"layers.{i}")
    return prediction_head(x, _bard)
""",
        ),
    ),
    held_back=(
        HeldBack(
            "no residual, in one line",
            ("transformer-no-attention-residual",),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for prefix in [f"layers.{i}" for i in range(n_layers)]:
        x = multi_head_attention(x, params, prefix)
        x += mlp(x, params, prefix)
    return prediction_head(x, params)
""",
        ),
        HeldBack(
            "parallel in one sum",
            ("transformer-parallel",),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for i in range(n_layers):
        p = f"layers.{i}"
        x = x + multi_head_attention(x, params, p) + mlp(x, params, p)
    return prediction_head(x, params)
""",
        ),
        HeldBack(
            "prefix forgotten",
            ("transformer-same-layer",),
            """\
def transformer(tokens, params):
    h = np.asarray(embed_tokens(tokens, params))
    h = h + get_sinusoidal_positional_embeddings(h.shape[0], h.shape[1])
    for _ in range(n_layers):
        h = h + multi_head_attention(h, params)
        h = h + mlp(h, params)
    return prediction_head(h, params)
""",
        ),
        HeldBack(
            "positions forgotten",
            ("transformer-no-positions",),
            """\
def transformer(tokens, params):
    state = embed_tokens(tokens, params)
    for i in range(n_layers):
        state = np.add(state, multi_head_attention(state, params, f"layers.{i}"))
        state = np.add(state, mlp(state, params, f"layers.{i}"))
    return prediction_head(state, params)
""",
        ),
        HeldBack(
            "no positions and no MLP",
            ("transformer-no-positions", "transformer-no-mlp"),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    for i in range(n_layers):
        x = x + multi_head_attention(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
        ),
        HeldBack(
            "halved residuals",
            (),
            """\
def transformer(tokens, params):
    x = embed_tokens(tokens, params)
    x = x + get_sinusoidal_positional_embeddings(*x.shape)
    for i in range(n_layers):
        x = x + 0.5 * multi_head_attention(x, params, layer_prefix=f"layers.{i}")
        x = x + 0.5 * mlp(x, params, layer_prefix=f"layers.{i}")
    return prediction_head(x, params)
""",
        ),
        *transformer_styles.WRONG["transformer"],
    ),
    rights_held_back=transformer_styles.RIGHTS["transformer"],
)
