"""What can go wrong in the perplexity of a recurrent network: sums, means, reading, refusing.

Each mistake is an edit of a right answer that contains ``LOOP``, ``PROBABILITIES`` and
``SYMBOLS_CHECKED``; what a step of the network computes is that answer's own.
"""

from mistakes.entries import Mistake

LOOP = """\
    for t, i in enumerate(ids[:-1]):
        y, state = read(i, state)
        if t + 1 >= m:
            total -= log_softmax(y)[ids[t + 1]]
"""
PROBABILITIES = """\
def log_softmax(y):
    y = y - y.max()
    return y - np.log(np.exp(y).sum())
"""
SYMBOLS_CHECKED = """\
    unknown = sorted(set(text) - set(char_to_indices))
    if unknown:
        raise ValueError(f"not in the vocabulary: {unknown}")
"""
# Held-back answers are made of this, which is written in another style.
OTHER = """\
def numbers(text):
    for char in text:
        if char not in vocabulary:
            raise ValueError(f"unknown symbol: {char}")
    return [vocabulary.index(char) for char in text]


def log_p_rnn(weights, ids):
    kernel, recurrent, bias, kernel2, recurrent2, bias2, dense, bias3 = weights
    h1, h2, rows = np.zeros(len(bias)), np.zeros(len(bias2)), []
    for i in ids[:-1]:
        h1 = np.tanh(kernel[i] + h1 @ recurrent + bias)
        h2 = np.tanh(h1 @ kernel2 + h2 @ recurrent2 + bias2)
        rows.append(h2 @ dense + bias3)
    return chosen(np.array(rows), ids)


def log_p_gru(weights, ids):
    kernel, recurrent, biases, dense, bias = weights
    n = len(recurrent)
    h, rows = np.zeros(n), []
    for i in ids[:-1]:
        a, b = kernel[i] + biases.sum(axis=0), h @ recurrent
        gates = sigmoid((a + b)[: 2 * n]).reshape(2, n)
        keep, see = gates
        h = keep * h + (1 - keep) * np.tanh(a[2 * n :] + see * b[2 * n :])
        rows.append(h @ dense + bias)
    return chosen(np.array(rows), ids)


def chosen(y, ids):
    log_p = y - np.logaddexp.reduce(y, axis=1, keepdims=True)
    return log_p[np.arange(len(y)), ids[1:]]
"""


def mistakes(both: tuple[str, ...], symbols: str) -> tuple[Mistake, ...]:
    """Return the mistakes that concern both networks.

    Args:
        both: the tests of the two perplexities
        symbols: the test of unknown symbols
    """
    return (*_means(both), *_places(both), *_terms(both), *_symbols(symbols))


def _reading(new: str) -> tuple[tuple[str, str], ...]:
    """Return the edit that replaces the loop over the text."""
    return ((LOOP, new),)


def _means(both: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Return mistakes in the way from the sum to the perplexity."""
    return (
        Mistake(
            "ppl-no-root",
            about="one over the product, without the root",
            nudge="Should the perplexity grow with the length of the text?",
            hint="Your result grows with the length of the text: it is one over the product of the "
            "probabilities. Divide the sum of the logarithms by their number, then exponentiate.",
            edits=(("np.exp(total / (len(ids) - m))", "np.exp(total)"),),
            fails=both,
        ),
        Mistake(
            "ppl-mean-over-text",
            about="the sum divided by N",
            nudge="By how many characters do you divide, and how many are judged?",
            hint="You divide by the length of the whole text. The prompt is not judged: the mean "
            "is over the N - m characters after it.",
            edits=(("(len(ids) - m)", "len(ids)"),),
            fails=both,
        ),
        Mistake(
            "ppl-mean-over-all-read",
            about="the sum divided by N - 1",
            nudge="By how many characters do you divide, and how many are judged?",
            hint="You divide by the number of steps, N - 1. Only the N - m characters after the "
            "prompt are judged, and the mean is over them.",
            edits=(("(len(ids) - m)", "(len(ids) - 1)"),),
            fails=both,
        ),
        Mistake(
            "ppl-mean-over-one-less",
            about="the sum divided by N - m - 1",
            nudge="Count the judged characters of a short text by hand.",
            hint="You divide by one less than there are terms in your sum. After a prompt of m "
            "characters N - m are left, and all of them are judged.",
            edits=(("(len(ids) - m)", "(len(ids) - m - 1)"),),
            fails=both,
        ),
        Mistake(
            "ppl-mean-over-one-more",
            about="the sum divided by N - m + 1",
            nudge="Count the judged characters of a short text by hand.",
            hint="You divide by one more than there are terms in your sum. After a prompt of m "
            "characters N - m are left to be judged.",
            edits=(("(len(ids) - m)", "(len(ids) - m + 1)"),),
            fails=both,
        ),
        Mistake(
            "ppl-logarithm",
            about="the logarithm of the perplexity",
            nudge="What is the perplexity of a model that knows nothing?",
            hint="You return the logarithm of the perplexity. Exponentiate the mean at the end.",
            edits=(("np.exp(total / (len(ids) - m))", "total / (len(ids) - m)"),),
            fails=both,
        ),
        Mistake(
            "ppl-two-bases",
            about="logarithms to base 2, undone with powers of e",
            nudge="Do your logarithm and your exponential have the same base?",
            hint="You take logarithms to base 2 and undo them with powers of e. Use the same base "
            "for both.",
            edits=(("log_softmax(y)[ids[t + 1]]", "log_softmax(y)[ids[t + 1]] / np.log(2)"),),
            fails=both,
        ),
        Mistake(
            "ppl-back-with-2",
            about="natural logarithms, undone with powers of 2",
            nudge="Do your logarithm and your exponential have the same base?",
            hint="You take natural logarithms and undo them with powers of 2. Use the same base "
            "for both.",
            edits=(("np.exp(total / (len(ids) - m))", "2 ** (total / (len(ids) - m))"),),
            fails=both,
        ),
        Mistake(
            "ppl-inverse",
            about="the sign is missing: one over the perplexity",
            nudge="Can a perplexity be less than 1?",
            hint="Your result is the mean probability, one over the perplexity. A sign is missing: "
            "the exponent is -1/N.",
            edits=(("np.exp(total / ", "np.exp(-total / "),),
            fails=both,
        ),
        Mistake(
            "ppl-product",
            about="the product of the probabilities, without logarithms",
            nudge="Print the product of your probabilities for a long text.",
            hint="You multiply the probabilities, and for a long text their product becomes 0. Add "
            "their logarithms instead.",
            edits=(
                ("total = 0.0", "product = 1.0"),
                (
                    "total -= log_softmax(y)[ids[t + 1]]",
                    "product *= np.exp(log_softmax(y)[ids[t + 1]])",
                ),
                ("np.exp(total / (len(ids) - m))", "product ** (-1 / (len(ids) - m))"),
            ),
            fails=both,
        ),
    )


def _places(both: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Return mistakes in which characters are read, and which are judged."""
    return (
        Mistake(
            "ppl-prompt-judged",
            about="the prompt is judged, too, and the mean divides by N - m",
            nudge="From which character on does your sum run?",
            hint="Your sum contains the prompt's characters as well. The prompt is read but not "
            "judged: the first term is for the character after it.",
            edits=(("if t + 1 >= m:", "if True:"),),
            fails=both,
        ),
        Mistake(
            "ppl-m-ignored",
            about="all characters but the first are judged, whatever m is",
            nudge="Does your result change with m?",
            hint="Your result is the perplexity on the whole text, whatever the prompt's length. "
            "The first m characters are read but not judged.",
            edits=(("if t + 1 >= m:", "if True:"), ("(len(ids) - m)", "(len(ids) - 1)")),
            fails=both,
        ),
        Mistake(
            "ppl-first-left-out",
            about="the first character after the prompt is not judged, and is counted",
            nudge="Which is the first character in your sum?",
            hint="The first character after the prompt is missing from your sum. Its scores are "
            "those after the prompt's last character.",
            edits=(("if t + 1 >= m:", "if t >= m:"),),
            fails=both,
        ),
        Mistake(
            "ppl-starts-late",
            about="the first character after the prompt is neither judged nor counted",
            nudge="Which is the first character in your sum?",
            hint="Your sum begins with the second character after the prompt. The first one "
            "belongs to it: its scores are those after the prompt's last character.",
            edits=(
                ("if t + 1 >= m:", "if t >= m:"),
                ("(len(ids) - m)", "np.float64(len(ids) - m - 1)"),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-starts-early",
            about="the prompt's last character is judged and counted",
            nudge="Which is the first character in your sum?",
            hint="Your sum begins with the prompt's last character. The prompt is not judged: "
            "begin with the one after it.",
            edits=(
                ("total = 0.0", "total, count = 0.0, 0"),
                ("if t + 1 >= m:\n", "if t + 2 >= m:\n            count += 1\n"),
                ("(len(ids) - m)", "count"),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-judges-what-was-read",
            about="the probability of the character that was just fed",
            nudge="Which character are the scores after step t about?",
            hint="You look up the probability of the character that the network has just read. "
            "Its scores are for the one after that.",
            edits=(("log_softmax(y)[ids[t + 1]]", "log_softmax(y)[i]"),),
            fails=both,
        ),
        Mistake(
            "ppl-scores-one-behind",
            about="each character is judged with the scores of one step before",
            nudge="What has the network read when you look up a character's probability?",
            hint="You judge each character with scores that do not know the character before it. "
            "Feed that character first, then look at the scores.",
            edits=_reading("""\
    before = None
    for t, i in enumerate(ids[:-1]):
        y, state = read(i, state)
        if t + 1 >= m:
            total -= log_softmax(y if before is None else before)[ids[t + 1]]
        before = y
"""),
            fails=both,
        ),
        Mistake(
            "ppl-prompt-unread",
            about="of the prompt only the last character is read",
            nudge="In which state is the network when it meets the first character to be judged?",
            hint="Your network begins with the prompt's last character. All of the prompt is read, "
            "though none of it is judged.",
            edits=_reading("""\
    for t, i in enumerate(ids[:-1]):
        if t + 1 >= m:
            y, state = read(i, state)
            total -= log_softmax(y)[ids[t + 1]]
"""),
            fails=both,
        ),
        Mistake(
            "ppl-prompt-forgotten",
            about="the state is set to zero after the prompt's last character",
            nudge="What happens to the state between the prompt and the rest?",
            hint="After the prompt your network starts again from zeros: the first judged "
            "character is right, the others are not. Go on from the state that the prompt "
            "has left.",
            edits=_reading("""\
    start = state
    for t, i in enumerate(ids[:-1]):
        y, state = read(i, state)
        if t + 1 == m:
            state = start
        if t + 1 >= m:
            total -= log_softmax(y)[ids[t + 1]]
"""),
            fails=both,
        ),
        Mistake(
            "ppl-last-twice",
            about="the prompt's last character is read twice",
            nudge="How often does the network read the last character of the prompt?",
            hint="The network reads the prompt's last character twice: once with the prompt, once "
            "before the first character is judged. Each character is read once.",
            edits=_reading("""\
    for t, i in enumerate(ids[:-1]):
        y, state = read(i, state)
        if t + 1 == m:
            y, state = read(i, state)
        if t + 1 >= m:
            total -= log_softmax(y)[ids[t + 1]]
"""),
            fails=both,
        ),
        Mistake(
            "ppl-no-memory",
            about="the state is zero at each step",
            nudge="What is the value of the state at the beginning of each step?",
            hint="Each of your steps starts from zeros, so that a prediction depends on one "
            "character only. The state is set to zeros once, before the text.",
            edits=(("y, state = read(i, state)", "y, _ = read(i, state)"),),
            fails=both,
        ),
    )


def _terms(both: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Return mistakes in what is summed for each character."""
    return (
        Mistake(
            "ppl-arithmetic-mean",
            about="one over the arithmetic mean of the probabilities",
            nudge="Which kind of mean of the probabilities is in the formula?",
            hint="You average the probabilities themselves. Perplexity takes their geometric mean: "
            "average the logarithms, then exponentiate.",
            edits=(
                (
                    "total -= log_softmax(y)[ids[t + 1]]",
                    "total += np.exp(log_softmax(y)[ids[t + 1]])",
                ),
                ("np.exp(total / (len(ids) - m))", "(len(ids) - m) / total"),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-mean-of-inverses",
            about="the mean of one over each probability",
            nudge="Which kind of mean of the probabilities is in the formula?",
            hint="You average one over each probability. Average the logarithms, then "
            "exponentiate.",
            edits=(
                (
                    "total -= log_softmax(y)[ids[t + 1]]",
                    "total += np.exp(-log_softmax(y)[ids[t + 1]])",
                ),
                ("np.exp(total / (len(ids) - m))", "total / (len(ids) - m)"),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-most-probable",
            about="the probability of the most probable character",
            nudge="Does your result depend on which characters follow in the text?",
            hint="You take the highest probability at each step. What counts is the probability "
            "of the character that comes next in the text.",
            edits=(("log_softmax(y)[ids[t + 1]]", "log_softmax(y).max()"),),
            fails=both,
        ),
        Mistake(
            "ppl-entropy",
            about="the expected surprise, over all characters",
            nudge="Does your result depend on which characters follow in the text?",
            hint="You sum over all characters that might come, weighted by probability: how "
            "surprised the model expects to be. What counts is the character that comes next in "
            "the text.",
            edits=(("log_softmax(y)[ids[t + 1]]", "np.exp(log_softmax(y)) @ log_softmax(y)"),),
            fails=both,
        ),
        Mistake(
            "ppl-sigmoid",
            about="the sigmoid of the score in place of the softmax",
            nudge="Do your probabilities sum to 1?",
            hint="You squash each score on its own. A probability depends on all scores: the "
            "exponential, divided by the sum of all of them.",
            edits=(("log_softmax(y)[ids[t + 1]]", "np.log(sigmoid(y[ids[t + 1]]))"),),
            fails=both,
        ),
        Mistake(
            "ppl-scores-as-logarithms",
            about="the scores themselves, without the softmax",
            nudge="What is the perplexity of a model that knows nothing?",
            hint="You add up the scores as if they were logarithms of probabilities. They lack "
            "the division by the sum, which a logarithm turns into a difference.",
            edits=(("log_softmax(y)[ids[t + 1]]", "y[ids[t + 1]]"),),
            fails=both,
        ),
        Mistake(
            "ppl-smoothed",
            about="1e-5 added to each probability",
            nudge="Is anything added to your probabilities?",
            hint="Your probabilities are a little too large, by 0.00001 each. Nothing has to be "
            "added: a softmax is never zero on these scores.",
            edits=(
                ("log_softmax(y)[ids[t + 1]]", "np.log(np.exp(log_softmax(y)[ids[t + 1]]) + 1e-5)"),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-rounded",
            about="rounded to one decimal",
            nudge="How many digits does your result have?",
            hint="You round the result. Return the number as it is, and round where you print it.",
            edits=(
                (
                    "return np.exp(total / (len(ids) - m))",
                    "return round(float(np.exp(total / (len(ids) - m))), 1)",
                ),
            ),
            fails=both,
        ),
        Mistake(
            "ppl-reads-its-own-text",
            about="after the prompt the network reads what it draws",
            nudge="What does the network read after the prompt: the text, or what it would write?",
            hint="After the prompt your network goes on with characters of its own choice. Nothing "
            "is drawn here: the text says what comes next, and that is fed.",
            edits=_reading("""\
    i = ids[0]
    for t in range(len(ids) - 1):
        y, state = read(i, state)
        i = ids[t + 1]
        if t + 1 >= m:
            total -= log_softmax(y)[i]
            i = np.random.choice(len(y), p=np.exp(log_softmax(y)))
"""),
            fails=both,
        ),
        Mistake(
            "ppl-given-weights",
            about="the notebook's weights instead of the argument",
            nudge="Which weights do your functions use when they are called with others?",
            hint="Your functions use weights_RNN and weights_GRU whatever they are given. Inside "
            "them, use the argument weights only.",
            edits=(
                (
                    "def perplexity_RNN(weights, text, m):\n",
                    "def perplexity_RNN(weights, text, m):\n    weights = weights_RNN\n",
                ),
                (
                    "def perplexity_GRU(weights, text, m):\n",
                    "def perplexity_GRU(weights, text, m):\n    weights = weights_GRU\n",
                ),
            ),
            fails=both,
        ),
    )


def _symbols(symbols: str) -> tuple[Mistake, ...]:
    """Return mistakes with symbols that are not in the vocabulary."""
    return (
        Mistake(
            "ppl-key-error",
            about="an unknown symbol ends in a KeyError",
            nudge="Call your function with a text that contains a €, and read the error.",
            hint="Your functions raise a KeyError on an unknown symbol. Look for such symbols "
            "before anything else, and raise a ValueError that shows the symbol.",
            edits=((SYMBOLS_CHECKED, ""),),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-error-without-symbol",
            about="the message does not show the symbol",
            nudge="Does your error message help somebody who does not know the text?",
            hint="Your ValueError does not say which symbol is unknown. Put the symbol into its "
            "message.",
            edits=(('f"not in the vocabulary: {unknown}"', '"a symbol is not in the vocabulary"'),),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-prompt-unchecked",
            about="only what follows the prompt is checked",
            nudge="Try unknown symbols in different places of the text.",
            hint="You check the characters after the prompt only. The prompt is read, too: check "
            "the whole text.",
            edits=(
                ("start, indices_of(text), m)", "start, indices_of(text, m), m)"),
                ("(b_h), indices_of(text), m)", "(b_h), indices_of(text, m), m)"),
                ("def indices_of(text):", "def indices_of(text, m):"),
                ("set(text) - ", "set(text[m:]) - "),
            ),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-last-unchecked",
            about="the last character is not checked, as it is never fed",
            nudge="Try unknown symbols in different places of the text.",
            hint="You check the characters that are fed. The last one is never fed, but it is "
            "judged: check the whole text.",
            edits=(("set(text) - ", "set(text[:-1]) - "),),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-skips-unknown",
            about="unknown symbols are left out",
            nudge="What do your functions do with a symbol that is not in the vocabulary?",
            hint="You silently leave unknown symbols out. Raise a ValueError that shows the "
            "symbol: the caller has to know.",
            edits=(
                (SYMBOLS_CHECKED, ""),
                ("for char in text]", "for char in text if char in char_to_indices]"),
            ),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-unknown-as-first",
            about="unknown symbols are read as the vocabulary's first one",
            nudge="What do your functions do with a symbol that is not in the vocabulary?",
            hint="You read unknown symbols as the first one of the vocabulary. Raise a ValueError "
            "that shows the symbol.",
            edits=(
                (SYMBOLS_CHECKED, ""),
                ("char_to_indices[char]", "char_to_indices.get(char, 0)"),
            ),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-lower-case",
            about="the text is turned into lower case first",
            nudge="Is a capital letter in the vocabulary?",
            hint="You turn the text into lower case before you look at it. Capitals are not in "
            "the vocabulary: they are unknown symbols like any other.",
            edits=(("    unknown =", "    text = text.lower()\n    unknown ="),),
            fails=(symbols,),
        ),
        Mistake(
            "ppl-other-error",
            about="a KeyError with a message instead of a ValueError",
            nudge="Which kind of error does the problem ask for?",
            hint="You raise a KeyError. The problem asks for a ValueError whose message shows the "
            "symbol.",
            edits=(("raise ValueError(", "raise KeyError("),),
            fails=(symbols,),
        ),
    )
