"""generate_with_transformer: token after token, greedily or drawn at a temperature."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

GREEDY = ("p2-11-test",)
DRAWN = ("p2-11-test-sampling",)
TEMPERATURE = ("p2-11-test-temperature",)
BOTH = (*DRAWN, *TEMPERATURE)
ALL = (*GREEDY, *BOTH)

RIGHT = """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    generated_tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        logits = transformer(generated_tokens, params)  # (n, vocab_size)
        if greedy:
            next_token = int(np.argmax(logits[-1]))
        else:
            p = softmax(logits[-1] / temperature)  # (vocab_size,)
            next_token = int(np.random.choice(len(p), p=p))
        generated_tokens.append(next_token)
    return enc.decode(generated_tokens)
"""

DRAW = "            p = softmax(logits[-1] / temperature)  # (vocab_size,)\n"
CHOICE = "int(np.random.choice(len(p), p=p))"

CELL = Cell(
    id="p2-11-solution",
    functions=("generate_with_transformer",),
    where="problem 2.11",
    right=RIGHT,
    rights=(
        Right(
            "default_rng",
            "numpy's newer generator",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    rng = np.random.default_rng()
    tokens = enc.encode(prefix_text)
    while max_len > 0:
        scores = np.asarray(transformer(tokens, params))[-1]
        p = softmax(scores / temperature)
        tokens.append(int(scores.argmax() if greedy else rng.choice(len(p), p=p)))
        max_len -= 1
    return enc.decode(tokens)
""",
        ),
        Right(
            "random.choices",
            "Python's own generator, weights not normalized",
            """\
import random


def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        row = [float(s) for s in transformer(np.array(tokens), params)[-1]]
        best = max(range(len(row)), key=row.__getitem__)
        weights = [math.exp((s - row[best]) / temperature) for s in row]
        tokens.append(best if greedy else random.choices(range(len(row)), weights)[0])
    return enc.decode(tokens)
""",
        ),
        Right(
            "gumbel",
            "the largest of logits and noise",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        row = transformer(tokens, params)[-1].astype(np.float64)
        if not greedy:
            row = row / temperature + np.random.gumbel(size=row.shape)
        tokens += [int(row.argmax())]
    return enc.decode(tokens)
""",
        ),
        Right(
            "inverse of the sum",
            "a uniform number looked up in the cumulative sum",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = list(enc.encode(prefix_text))
    for _ in range(max_len):
        row = np.asarray(transformer(tokens, params)[-1], dtype=np.float64)
        powers = np.exp((row - row.max()) / temperature)
        level = np.random.random() * powers.sum()
        drawn = min(int(np.searchsorted(np.cumsum(powers), level)), len(row) - 1)
        tokens.append(int(row.argmax()) if greedy else drawn)
    return enc.decode(tokens)
""",
        ),
        Right(
            "log of softmax",
            "the recipe of Keras' example: logarithms of the probabilities, divided and normalized",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    for _ in range(max_len):
        preds = np.asarray(softmax(transformer(tokens, params)[-1])).astype("float64")
        if greedy:
            tokens.append(int(np.argmax(preds)))
            continue
        exp_preds = np.exp(np.log(preds) / temperature)
        preds = exp_preds / np.sum(exp_preds)
        tokens.append(int(np.argmax(np.random.multinomial(1, preds, 1))))
    return enc.decode(tokens)
""",
        ),
        Right(
            "recursion",
            "one token, then the rest",
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    def more(tokens, n):
        if n == 0:
            return tokens
        row = transformer(tokens, params)[-1]
        p = softmax(np.float64(row) / temperature)
        token = np.argmax(row) if greedy else np.random.multinomial(1, p / p.sum()).argmax()
        return more([*tokens, int(token)], n - 1)

    return enc.decode(more(list(enc.encode(prefix_text)), max_len))
""",
        ),
    ),
    mistakes=(
        Mistake(
            "generate-first-row",
            about="the logits after the first token",
            nudge="Which row of the logits is about the next token?",
            hint="You use the logits after the first token, so the text goes on from there again "
            "and again. The last row is about the token to come.",
            edits=(
                ("np.argmax(logits[-1])", "np.argmax(logits[0])"),
                ("softmax(logits[-1] /", "softmax(logits[0] /"),
            ),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-row-before-last",
            about="the logits one token too early",
            nudge="Which row of the logits is about the next token?",
            hint="You use the row before the last, which predicts the token that is there already.",
            edits=(
                ("np.argmax(logits[-1])", "np.argmax(logits[-2:][0])"),
                ("softmax(logits[-1] /", "softmax(logits[-2:][0] /"),
            ),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-argmin",
            about="the least probable token when greedy",
            nudge="Which token is the greedy one?",
            hint="Greedy takes the token with the highest logit. Yours has the lowest.",
            edits=(("np.argmax(logits[-1])", "np.argmin(logits[-1])"),),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-flat-argmax",
            about="argmax over all rows",
            nudge="What does argmax without an axis return for a matrix?",
            hint="argmax of the whole matrix counts through all rows. Take the last row first.",
            edits=(("int(np.argmax(logits[-1]))", "int(np.argmax(logits)) % logits.shape[1]"),),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-always-greedy",
            about="greedy whatever was asked",
            nudge="Does the text differ from call to call?",
            hint="Your text is the same in every call: the most probable token is taken even where "
            "sampling is asked for.",
            edits=((CHOICE, "int(np.argmax(p))"),),
            fails=("p2-11-test-sampling", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-never-greedy",
            about="samples although greedy is asked for",
            nudge="What does greedy=True change?",
            hint="Your text is drawn even with greedy=True. Then the most probable token is to be "
            "taken each time.",
            edits=(("        if greedy:", "        if not generated_tokens:"),),
            fails=("p2-11-test", "p2-11-test-sampling"),
        ),
        Mistake(
            "generate-greedy-inverted",
            about="greedy and sampling swapped",
            nudge="Which branch belongs to greedy=True?",
            hint="With greedy=True your text is drawn, and without it is not: the branches are "
            "swapped.",
            edits=(("        if greedy:", "        if not greedy:"),),
        ),
        Mistake(
            "generate-temperature-multiplied",
            about="logits multiplied by the temperature",
            nudge="Does a high temperature make the text wilder or tamer?",
            hint="At a high temperature your text becomes tamer: you multiply by it. The logits "
            "are divided by the temperature.",
            edits=(("logits[-1] / temperature", "logits[-1] * temperature"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-no-temperature",
            about="the temperature has no effect",
            nudge="What does the temperature change?",
            hint="The temperature has no effect on your text: divide the logits by it before "
            "softmax.",
            edits=(("logits[-1] / temperature", "logits[-1]"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-default-temperature",
            about="always 0.9",
            nudge="Which temperature is used if another one is passed?",
            hint="You divide by 0.9 whatever temperature is passed. Use the argument.",
            edits=(("logits[-1] / temperature", "logits[-1] / 0.9"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-temperature-after-softmax",
            about="probabilities divided by the temperature and normalized again",
            nudge="Before or after softmax?",
            hint="You divide the probabilities by the temperature: normalizing undoes that. Divide "
            "the logits, before softmax.",
            edits=(
                (
                    DRAW,
                    "            p = softmax(logits[-1]) / temperature\n"
                    "            p = p / p.sum()\n",
                ),
            ),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-temperature-floored",
            about="temperatures below 0.1 are taken for 0.1",
            nudge="What happens at very low temperatures?",
            hint="Below 0.1 your temperature has no more effect. The formula holds for every "
            "positive one.",
            edits=(("logits[-1] / temperature", "logits[-1] / max(temperature, 0.1)"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-uniform",
            about="all tokens equally probable",
            nudge="With which probabilities are tokens drawn?",
            hint="All tokens are equally probable in your draws: the probabilities are not passed "
            "to the generator.",
            edits=((CHOICE, "int(np.random.choice(len(p)))"),),
        ),
        Mistake(
            "generate-squared",
            about="probabilities squared",
            nudge="With which probabilities are tokens drawn?",
            hint="Frequent tokens are too frequent in your draws: softmax is applied once, and "
            "its result is what to draw with.",
            edits=((DRAW, DRAW + "            p = p**2 / (p**2).sum()\n"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-softmax-twice",
            about="softmax of softmax",
            nudge="How often is softmax applied?",
            hint="Your draws are nearly uniform: softmax is applied to probabilities, once more.",
            edits=((DRAW, DRAW + "            p = softmax(p)\n"),),
        ),
        Mistake(
            "generate-top-one-of-two",
            about="only the two most probable tokens are drawn from",
            nudge="Can every token be drawn?",
            hint="Only the most probable tokens ever come up in your text. Draw from all of them.",
            edits=(
                (
                    DRAW,
                    DRAW + "            p[np.argsort(p)[:-2]] = 0\n            p = p / p.sum()\n",
                ),
            ),
            fails=("p2-11-test-sampling", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-last-token-only",
            about="the model is given the last token only",
            nudge="How much of the text does the model read?",
            hint="Your model reads the last token only. Give it all the tokens so far: attention "
            "has to see them.",
            edits=(
                (
                    "transformer(generated_tokens, params)",
                    "transformer(generated_tokens[-1:], params)",
                ),
            ),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-prefix-only",
            about="the model always reads the prefix only",
            nudge="What does the model read for the second new token?",
            hint="Your model reads the prefix each time, and never what it has written. Append the "
            "new token to what it reads.",
            edits=(
                (
                    "    for _ in range(max_len):\n",
                    "    prefix_tokens = list(generated_tokens)\n    for _ in range(max_len):\n",
                ),
                ("transformer(generated_tokens, params)", "transformer(prefix_tokens, params)"),
            ),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-one-too-few",
            about="max_len - 1 tokens",
            nudge="How many tokens are added?",
            hint="You add one token too few: max_len new ones are asked for.",
            edits=(("in range(max_len)", "in range(max_len - 1)"),),
            fails=("p2-11-test", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-counts-prefix",
            about="max_len counts the prefix's tokens, too",
            nudge="Does max_len count the prefix?",
            hint="You stop when prefix and continuation together have max_len tokens. max_len "
            "counts the new tokens alone.",
            edits=(("in range(max_len)", "in range(max_len - len(generated_tokens))"),),
            fails=("p2-11-test", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-overflow",
            about="exponentials without the maximum subtracted",
            nudge="What does exp make of a logit of 1000?",
            hint="Your probabilities are nan where logits are large, and so they are at low "
            "temperatures: e^1000 is too large a number. The given softmax copes with it.",
            edits=(
                (
                    "softmax(logits[-1] / temperature)",
                    "np.exp(logits[-1] / temperature) / np.exp(logits[-1] / temperature).sum()",
                ),
            ),
            fails=("p2-11-test", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-temperature-twice",
            about="logits divided by the temperature twice",
            nudge="How often is the temperature applied?",
            hint="You divide by the temperature twice. Once is enough.",
            edits=(("logits[-1] / temperature", "logits[-1] / temperature / temperature"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-temperature-root",
            about="logits divided by the root of the temperature",
            nudge="What exactly are the logits divided by?",
            hint="You divide by the root of the temperature: no root here, that was attention.",
            edits=(("logits[-1] / temperature", "logits[-1] / math.sqrt(temperature)"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-temperature-capped",
            about="temperatures above 1 are taken for 1",
            nudge="What happens at temperatures above 1?",
            hint="Above 1 your temperature has no more effect. The formula holds for every "
            "positive one.",
            edits=(("logits[-1] / temperature", "logits[-1] / min(temperature, 1.0)"),),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-top-five",
            about="only the five most probable tokens are drawn from",
            nudge="Can every token be drawn?",
            hint="Only the five most probable tokens ever come up in your text. Draw from all of "
            "them.",
            edits=(
                (
                    DRAW,
                    DRAW + "            p[np.argsort(p)[:-5]] = 0\n            p = p / p.sum()\n",
                ),
            ),
            fails=("p2-11-test-sampling", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-top-40",
            about="only the forty most probable tokens are drawn from, and those as probable",
            nudge="Can every token be drawn?",
            hint="Only the most probable tokens ever come up in your text: top-k sampling is not "
            "asked for here. Draw from all of them.",
            edits=(
                (
                    DRAW,
                    DRAW + "            p[p < np.sort(p)[-40]] = 0\n            p = p / p.sum()\n",
                ),
            ),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-nucleus",
            about="only the most probable tokens with 95% together are drawn from",
            nudge="Can every token be drawn?",
            hint="Your text leaves out the least probable tokens: nucleus sampling is not asked "
            "for here. Draw from all of them.",
            edits=(
                (
                    DRAW,
                    DRAW + "            order = np.argsort(-p)\n"
                    "            n = int(np.searchsorted(np.cumsum(p[order]), 0.95)) + 1\n"
                    "            p[order[n:]] = 0\n            p = p / p.sum()\n",
                ),
            ),
            fails=("p2-11-test-temperature",),
        ),
        Mistake(
            "generate-seeded",
            about="the generator is set anew in each call",
            nudge="Do two calls give different texts?",
            hint="Two calls draw the same tokens, because the generator is seeded in the function. "
            "Leave the seed out: each call has to draw anew.",
            edits=(
                (
                    "    generated_tokens = list(",
                    "    np.random.seed(0)\n    generated_tokens = list(",
                ),
            ),
            fails=("p2-11-test-sampling", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-seeded-each-token",
            about="the generator is set anew for each token",
            nudge="Does your text repeat itself where all tokens are equally probable?",
            hint="Each token is drawn with the same random number, because the generator is seeded "
            "in the loop. Leave the seed out.",
            edits=((CHOICE, "int(np.random.default_rng(0).choice(len(p), p=p))"),),
            fails=("p2-11-test-sampling", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-window",
            about="the model reads the last eight tokens only",
            nudge="How much of the text does the model read?",
            hint="Your model reads the last few tokens only. Give it all the tokens so far.",
            edits=(
                (
                    "transformer(generated_tokens, params)",
                    "transformer(generated_tokens[-8:], params)",
                ),
            ),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-one-too-many",
            about="max_len + 1 tokens",
            nudge="How many tokens are added?",
            hint="You add one token too many: max_len new ones are asked for.",
            edits=(("in range(max_len)", "in range(max_len + 1)"),),
            fails=("p2-11-test", "p2-11-test-temperature"),
        ),
        Mistake(
            "generate-stripped",
            about="white space around the text is removed",
            nudge="Is the text returned exactly as it was decoded?",
            hint="You strip the text. White space belongs to it: a line end in the prefix tells "
            "the model that a speech begins.",
            edits=(("enc.encode(prefix_text)", "enc.encode(prefix_text.strip())"),),
            fails=("p2-11-test",),
        ),
        Mistake(
            "generate-without-prefix",
            about="the prefix is not returned",
            nudge="Does the result begin with the prefix?",
            hint="You return the new part alone; the result is the whole text, with the prefix.",
            edits=(
                (
                    "    return enc.decode(generated_tokens)",
                    "    return enc.decode(generated_tokens[len(enc.encode(prefix_text)) :])",
                ),
            ),
        ),
        Mistake(
            "generate-returns-tokens",
            about="tokens instead of text",
            nudge="What type does the function return?",
            hint="You return tokens. Decode them: the result is a text.",
            edits=(("    return enc.decode(generated_tokens)", "    return generated_tokens"),),
        ),
        Mistake(
            "generate-global-params",
            about="the Bard's weights instead of the argument",
            nudge="Which weights does the function use when it is given others?",
            hint="Your function uses the Bard's weights whatever it is given. Use the argument "
            "params.",
            edits=(
                ("def generate", "_bard = load_transformer_weights()\n\n\ndef generate"),
                ("(generated_tokens, params)", "(generated_tokens, _bard)"),
            ),
        ),
        Mistake(
            "generate-repeats-first",
            about="the first new token, again and again",
            nudge="Do new tokens depend on each other?",
            hint="All your new tokens are the first one again.",
            code="""\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = list(enc.encode(prefix_text))
    row = transformer(tokens, params)[-1]
    p = softmax(row / temperature)
    token = int(np.argmax(row)) if greedy else int(np.random.choice(len(p), p=p))
    return enc.decode(tokens + [token] * max_len)
""",
            fails=("p2-11-test", "p2-11-test-sampling"),
            cheat=True,
        ),
        Mistake(
            "generate-samples-first-row",
            about="sampling uses the logits after the first token",
            nudge="From which row of the logits do you sample?",
            hint=(
                "You sample from logits[0], the prediction after the first token. "
                "logits[-1] is the prediction after the last one."
            ),
            fails=("p2-11-test",),
            edits=(("softmax(logits[-1] /", "softmax(logits[0] /"),),
        ),
        Mistake(
            "generate-prepends",
            about="new tokens are put in front",
            nudge="Where in the text does your new token end up?",
            hint=(
                "You put new tokens in front of the others. Each one follows the last: "
                "append it at the end."
            ),
            fails=("p2-11-test", "p2-11-test-sampling", "p2-11-test-temperature"),
            edits=(
                ("generated_tokens.append(next_token)", "generated_tokens.insert(0, next_token)"),
            ),
        ),
        Mistake(
            "generate-stops-at-line-end",
            about="the text ends with its first line",
            nudge="Does your text always have max_len new tokens?",
            hint=(
                "Your text ends with the first line break. It has max_len new tokens, "
                "whatever they are: leave out the break."
            ),
            fails=("p2-11-test",),
            edits=(
                (
                    "        generated_tokens.append(next_token)\n",
                    "        generated_tokens.append(next_token)\n"
                    "        if '\\n' in enc.decode([next_token]):\n"
                    "            break\n",
                ),
            ),
        ),
    ),
    held_back=(
        HeldBack(
            "first row, by indexing",
            ("generate-first-row",),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    for _ in range(max_len):
        row, *_ = transformer(tokens, params)
        p = softmax(np.array(row) / temperature)
        tokens.append(int(p.argmax()) if greedy else int(np.random.choice(len(p), p=p)))
    return enc.decode(tokens)
""",
        ),
        HeldBack(
            "only the last token, in a loop",
            ("generate-last-token-only",),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    last = tokens[-1]
    for _ in range(max_len):
        row = transformer([last], params)[0]
        p = softmax(row / temperature)
        last = int(np.argmax(row)) if greedy else int(np.random.choice(len(p), p=p))
        tokens.append(last)
    return enc.decode(tokens)
""",
        ),
        HeldBack(
            "continuation only",
            ("generate-without-prefix",),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens, new = enc.encode(prefix_text), []
    for _ in range(max_len):
        row = transformer(tokens + new, params)[-1]
        p = softmax(row / temperature)
        new.append(int(np.argmax(row)) if greedy else int(np.random.choice(len(p), p=p)))
    return enc.decode(new)
""",
        ),
        HeldBack(
            "argmin, by sorting",
            ("generate-argmin",),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    for _ in range(max_len):
        row = transformer(tokens, params)[-1]
        p = softmax(row / temperature)
        tokens.append(int(np.argsort(row)[0]) if greedy else int(np.random.choice(len(p), p=p)))
    return enc.decode(tokens)
""",
        ),
        HeldBack(
            "inverted, counted",
            ("generate-greedy-inverted", "generate-counts-prefix"),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    while len(tokens) < max_len:
        row = transformer(tokens, params)[-1]
        p = softmax(row / temperature)
        tokens.append(int(np.random.choice(len(p), p=p)) if greedy else int(np.argmax(row)))
    return enc.decode(tokens)
""",
        ),
        HeldBack(
            "multiplied, by hand",
            ("generate-temperature-multiplied",),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    for _ in range(max_len):
        row = transformer(tokens, params)[-1]
        powers = np.exp(temperature * (row - row.max()))
        token = np.random.choice(len(row), p=powers / powers.sum())
        tokens.append(int(np.argmax(row) if greedy else token))
    return enc.decode(tokens)
""",
        ),
        HeldBack(
            "two tokens at a time",
            (),
            """\
def generate_with_transformer(prefix_text, params, max_len=128, greedy=False, temperature=0.9):
    tokens = enc.encode(prefix_text)
    for _ in range(max_len // 2):
        row = transformer(tokens, params)[-1]
        p = softmax(row / temperature)
        token = int(np.argmax(row)) if greedy else int(np.random.choice(len(p), p=p))
        tokens += [token, token]
    return enc.decode(tokens)
""",
        ),
        *transformer_styles.WRONG["generate_with_transformer"],
    ),
    rights_held_back=transformer_styles.RIGHTS["generate_with_transformer"],
)
