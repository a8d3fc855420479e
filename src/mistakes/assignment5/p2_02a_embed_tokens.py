"""embed_tokens."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

CELL = Cell(
    id="p2-2a-solution",
    functions=("embed_tokens",),
    where="problem 2.2a",
    right="""\
def embed_tokens(tokens, params):
    embeddings = params["word_embedding.weight"]  # (vocab_size, d_model)
    embedded_tokens = embeddings[tokens]  # (n_tokens, d_model)
    return embedded_tokens
""",
    rights=(
        Right(
            "loop",
            "row by row, stacked",
            """\
def embed_tokens(tokens, params):
    rows = []
    for token in tokens:
        rows.append(params["word_embedding.weight"][int(token)])
    return np.stack(rows)
""",
        ),
        Right(
            "one-hot",
            "a product with one-hot rows",
            """\
def embed_tokens(tokens, params):
    embeddings = params["word_embedding.weight"]
    tokens = np.asarray(tokens, dtype=int)
    picks = (tokens[:, None] == np.arange(len(embeddings))).astype(embeddings.dtype)
    return picks @ embeddings
""",
        ),
        Right(
            "take",
            "np.take along the first axis",
            """\
def embed_tokens(tokens, params):
    return np.take(params["word_embedding.weight"], tokens, axis=0)
""",
        ),
        Right(
            "filled",
            "an empty array filled by index, in float64",
            """\
def embed_tokens(tokens, params):
    table = params["word_embedding.weight"]
    embedded = np.zeros((len(tokens), table.shape[1]))
    for i in range(len(tokens)):
        embedded[i, :] += table[tokens[i], :]
    return embedded
""",
        ),
        Right(
            "closure",
            "a look-up function, mapped",
            """\
def embed_tokens(tokens, params):
    look_up = params["word_embedding.weight"].__getitem__
    return np.array(list(map(look_up, tokens)))
""",
        ),
    ),
    mistakes=(
        Mistake(
            "embed-columns",
            about="columns of the table instead of rows",
            nudge="Which axis of the table counts the tokens?",
            hint="The table has one row per token. You pick columns, which gives one number of "
            "every token instead of all numbers of the tokens asked for.",
            edits=(("embeddings[tokens]", "embeddings[:, tokens].T"),),
        ),
        Mistake(
            "embed-first-rows",
            about="the first n rows, whatever the tokens are",
            nudge="Does your result depend on the tokens, or only on how many there are?",
            hint="You return the first rows of the table. The tokens say which rows, and in which "
            "order, with repetitions: use them as indices.",
            edits=(("embeddings[tokens]", "embeddings[: len(tokens)]"),),
        ),
        Mistake(
            "embed-from-one",
            about="tokens counted from 1",
            nudge="With which number does the first row of the table begin?",
            hint="Every row that you return is the one before the right one: token 0 already "
            "stands in row 0, so nothing needs to be subtracted.",
            edits=(("embeddings[tokens]", "embeddings[np.asarray(tokens) - 1]"),),
        ),
        Mistake(
            "embed-next-row",
            about="the row after the token's",
            nudge="Look at which row of the table belongs to token 0.",
            hint="You look up the row after the right one. Token t is row t: add nothing to it.",
            edits=(("embeddings[tokens]", "np.roll(embeddings, -1, axis=0)[tokens]"),),
        ),
        Mistake(
            "embed-sorted",
            about="each token once, in ascending order",
            nudge="How many rows should come back for a text with a repeated token?",
            hint="Each token of the text needs a row of its own, in the text's order. You return "
            "every different token once, sorted.",
            edits=(("embeddings[tokens]", "embeddings[np.unique(tokens)]"),),
        ),
        Mistake(
            "embed-transposed",
            about="vectors as columns",
            nudge="Compare your result's shape with the docstring.",
            hint="The shape is (d_model, n_tokens): rows and columns are exchanged. One row per "
            "token is wanted, so leave the transposition out.",
            edits=(("embeddings[tokens]", "embeddings[tokens].T"),),
        ),
        Mistake(
            "embed-scaled",
            about="times the root of d_model, as in the first Transformer paper",
            nudge="Is there any arithmetic in the formula?",
            hint="All values are multiplied by the root of the width. The first Transformer paper "
            "did that; this model does not: rows are copied as they are.",
            edits=(("embeddings[tokens]", "embeddings[tokens] * np.sqrt(embeddings.shape[1])"),),
        ),
        Mistake(
            "embed-unit-length",
            about="rows scaled to length 1",
            nudge="Are the lengths of your vectors those of the table's rows?",
            hint="Your vectors all have length 1. The formula copies rows and normalises nothing.",
            edits=(
                (
                    "embeddings[tokens]",
                    "embeddings[tokens] / np.linalg.norm(embeddings[tokens], axis=1)[:, None]",
                ),
            ),
        ),
        Mistake(
            "embed-head",
            about="rows of the prediction head",
            nudge="Which parameter does the problem name?",
            hint="The numbers come from the prediction head, fc_out.weight, which has the same "
            "shape. The embeddings are word_embedding.weight.",
            edits=(('params["word_embedding.weight"]', 'params["fc_out.weight"]'),),
        ),
        Mistake(
            "embed-one-hot-1024",
            about="one-hot rows as wide as this model's vocabulary",
            nudge="Does your code work for a table with another number of rows?",
            hint="It works for the given model only: the number of rows is written into your code. "
            "Take it from the table, or use the tokens as indices and need no such number.",
            edits=(("embeddings[tokens]", "np.eye(1024)[tokens] @ embeddings"),),
            fails=("p2-2a-test-fresh",),
        ),
        Mistake(
            "embed-squeezed",
            about="a single token gives a vector without its row axis",
            nudge="What shape should a text of one token give?",
            hint="For several tokens it is right; for one, the row axis gets lost and (d_model,) "
            "comes back instead of (1, d_model). Don't squeeze.",
            edits=(("embeddings[tokens]", "np.squeeze(embeddings[tokens])"),),
            fails=("p2-2a-test-fresh",),
        ),
        Mistake(
            "embed-no-lists",
            about="tokens must be an array",
            nudge="What do you ask of tokens that a plain list can't do?",
            hint="It works for arrays and fails for lists, which problem 2.9 hands over. Turn "
            "tokens into an array first, or index with them directly.",
            edits=(("embeddings[tokens]", "embeddings[tokens.astype(int)]"),),
            fails=("p2-2a-test-fresh",),
        ),
        Mistake(
            "embed-text-wide-mean",
            about="the mean of all tokens' vectors, once per token",
            nudge="Should two different tokens have the same vector?",
            hint="All your rows are alike: the average over the text. Each token keeps a vector of "
            "its own.",
            edits=(
                (
                    "embeddings[tokens]",
                    "np.tile(embeddings[tokens].mean(axis=0), (len(tokens), 1))",
                ),
            ),
        ),
        Mistake(
            "embed-backwards",
            about="the text's last token first",
            nudge="Compare your first row with the first token's.",
            hint="The rows are right, and they come in reverse order. Row i belongs to token i of "
            "the text.",
            edits=(("embeddings[tokens]", "embeddings[tokens[::-1]]"),),
        ),
        Mistake(
            "embed-in-place",
            about="scales the table in place and its copy back",
            nudge="Does the model look the same after a call?",
            hint="The result is right, but the table that was handed over is changed by each call. "
            "Work on a copy, or leave the table alone.",
            edits=(
                ("    embedded_tokens", "    embeddings /= 2\n    embedded_tokens"),
                ("embeddings[tokens]", "2 * embeddings[tokens]"),
            ),
            fails=("p2-2a-test-fresh",),
        ),
        Mistake(
            "embed-bard-only",
            about="the global model instead of the argument",
            nudge="Where do the embeddings in your code come from?",
            hint="You always read the same table, the one loaded above. The function is to use "
            "the parameters that it is given.",
            edits=(
                (
                    'params["word_embedding.weight"]',
                    'transformer_model_weights["word_embedding.weight"]',
                ),
            ),
            fails=("p2-2a-test-fresh",),
            cheat=True,
        ),
        Mistake(
            "embed-printed",
            about="the printed values, padded to the right shape",
            nudge="Where do the embeddings in your code come from?",
            hint="Your function returns numbers that are written into it. Look the rows up.",
            code="""\
def embed_tokens(tokens, params):
    embedded = np.zeros((len(tokens), 512))
    embedded[:3, :5] = [
        [-0.4494016, 0.8637606, 0.64816946, -1.0005027, 0.65828127],
        [1.1595719, -0.09202019, 1.4256238, 1.7668523, -1.366581],
        [0.7071919, 0.45128715, -1.1132193, -0.18074755, -0.36634383],
    ][: len(tokens)]
    return embedded
""",
            cheat=True,
        ),
        Mistake(
            "embed-last-row",
            about="only the last token's vector is returned",
            nudge="Do you keep the result of every token, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the vector before it, so that only the "
                "last one is returned. Collect them, or take all rows at once: "
                "embeddings[tokens]."
            ),
            fails=("p2-2a-test", "p2-2a-test-fresh"),
            code="""\
def embed_tokens(tokens, params):
    for token in tokens:
        embedded_tokens = params["word_embedding.weight"][token]
    return embedded_tokens
""",
        ),
    ),
    held_back=(
        HeldBack(
            "columns by a loop",
            ("embed-columns",),
            """\
def embed_tokens(tokens, params):
    table = params["word_embedding.weight"]
    out = []
    for row in table:
        out.append([row[t] for t in tokens])
    return np.array(out)
""",
        ),
        HeldBack(
            "from one, by a loop",
            ("embed-from-one",),
            """\
def embed_tokens(tokens, params):
    E = params["word_embedding.weight"]
    out = np.empty((len(tokens), E.shape[1]))
    for i, t in enumerate(tokens):
        out[i] = E[t - 1]
    return out
""",
        ),
        HeldBack(
            "unit vectors by a loop",
            ("embed-unit-length",),
            """\
def embed_tokens(tokens, params):
    E = params["word_embedding.weight"]
    return np.array([E[t] / np.sqrt(np.sum(E[t] ** 2)) for t in tokens])
""",
        ),
        HeldBack(
            "set of tokens",
            ("embed-sorted",),
            """\
def embed_tokens(tokens, params):
    return np.vstack([params["word_embedding.weight"][t] for t in sorted(set(tokens))])
""",
        ),
        HeldBack(
            "rows shuffled",
            (),
            """\
def embed_tokens(tokens, params):
    E = params["word_embedding.weight"]
    return E[np.roll(tokens, 1)] + 0.1
""",
        ),
        *transformer_styles.WRONG["embed_tokens"],
    ),
    rights_held_back=transformer_styles.RIGHTS["embed_tokens"],
)
