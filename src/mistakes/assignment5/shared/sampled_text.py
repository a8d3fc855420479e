"""What can go wrong when a recurrent network writes text: reading, drawing, feeding back.

Each mistake is an edit of a right answer that ends with ``TAIL``; what a step of the network
computes is that answer's own.
"""

from dataclasses import dataclass

from mistakes.entries import Mistake

TAIL = """\

    def draw(y):
        p = np.exp(y - y.max())  # (V, 1)
        p = p / p.sum()  # (V, 1)
        return indices_to_char[np.random.choice(len(p), p=p.ravel())]

    output_sentence = prompt
    state, y = start, b_y  # what an empty prompt leaves
    for char in prompt:
        state, y = step(char, state)
    while len(output_sentence) < N:
        char = draw(y)
        output_sentence += char
        state, y = step(char, state)
    return output_sentence
"""

_READ = "in prompt:\n        state, y = step(char, state)"
_WRITE = "+= char\n        state, y = step(char, state)"
_NORMALIZED = "p = p / p.sum()  # (V, 1)\n        "
_DRAWN = "np.random.choice(len(p), p=p.ravel())"
_WRITING = "    while len("
_ONE_HOT = "        x = np.zeros_like(b_y)  # (V, 1)\n"


@dataclass(frozen=True)
class Writer:
    """A function that writes text with a recurrent network.

    Attributes:
        function: its name
        short: the prefix of its mistakes' names
        loaded: the global variable with the weights that the notebook loads for it
        letters: the three that the visible test of sampling expects, most probable first
        certain: the test in which every next character is certain
        counts: the test that counts characters
        sampling: the test of how characters are drawn
    """

    function: str
    short: str
    loaded: str
    letters: str
    certain: str
    counts: str
    sampling: str

    @property
    def all(self) -> tuple[str, ...]:
        """Return the names of all three tests."""
        return (self.certain, self.counts, self.sampling)

    @property
    def header(self) -> str:
        """Return the function's first line."""
        return f"def {self.function}(weights, prompt, N):\n"

    def mistakes(self) -> tuple[Mistake, ...]:
        """Return the mistakes that any such function can make."""
        # drawing first: only long texts show it, and a diagnosis has seconds to find it
        return (*self._draws(), *self._lengths(), *self._prompts(), *self._loops(), *self._cheats())

    def _lengths(self) -> tuple[Mistake, ...]:
        """Return texts that are too long or too short, which every test notices."""
        return (
            Mistake(
                f"{self.short}-prompt-not-counted",
                about="N new characters after the prompt",
                nudge="How long is the text that you return, and what does N count?",
                hint="Your text is longer than N, by the length of the prompt. N is the length of "
                "the whole text: the prompt counts, and N - len(prompt) characters are new.",
                edits=(("len(output_sentence) < N:", "len(output_sentence) < len(prompt) + N:"),),
            ),
            Mistake(
                f"{self.short}-prompt-left-out",
                about="only the continuation is returned",
                nudge="With what should the text that you return begin?",
                hint="You return what the model wrote and leave out what it read. The text begins "
                "with the prompt, and its N characters include it.",
                edits=(("return output_sentence", "return output_sentence[len(prompt) :]"),),
            ),
            Mistake(
                f"{self.short}-one-short",
                about="N - 1 characters",
                nudge="Count the characters of a short text that your function returns.",
                hint="Your text is one character short. Look at where your loop ends: at "
                "N - 1 characters one more has to be drawn.",
                edits=(("len(output_sentence) < N:", "len(output_sentence) < N - 1:"),),
            ),
            Mistake(
                f"{self.short}-one-long",
                about="N + 1 characters",
                nudge="Count the characters of a short text that your function returns.",
                hint="Your text is one character too long. Look at where your loop ends: at "
                "N characters the text is complete.",
                edits=(("len(output_sentence) < N:", "len(output_sentence) <= N:"),),
            ),
            Mistake(
                f"{self.short}-always-1000",
                about="1000 characters, whatever N is",
                nudge="Does your function use all of its arguments?",
                hint="Your text has 1000 characters whatever is asked for. Its length is the "
                "argument N.",
                edits=(("len(output_sentence) < N:", "len(output_sentence) < 1000:"),),
            ),
        )

    def _prompts(self) -> tuple[Mistake, ...]:
        """Return wrong ways to read the prompt, which only the text can show."""
        return (
            Mistake(
                f"{self.short}-last-twice",
                about="the prompt's last character is read twice",
                nudge="How often does the network read the last character of the prompt?",
                hint="The network reads the last character of your prompt twice: once when it "
                "reads the prompt, once as the first input when it writes. After the prompt the "
                "scores for the next character are there already: draw from them first.",
                edits=((_WRITING, f"    state, y = step(prompt[-1], state)\n{_WRITING}"),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-prompt-unread",
                about="only the prompt's last character is read",
                nudge="Which characters has the network read before it writes the first new one?",
                hint="Your text would be the same if the prompt were its last character alone. All "
                "of its characters go through the network, one after the other, as the states take "
                "in the past.",
                edits=((_READ, _READ.replace("prompt", "prompt[-1:]")),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-one-behind",
                about="each character is drawn from the scores of one step before",
                nudge="Which is the last character that the network has read when you draw the "
                "first new one?",
                hint="Each of your new characters is drawn from scores that do not know the "
                "character just before it. First feed the last character of the text, then draw "
                "from the scores that come out.",
                edits=(
                    (_READ, _READ.replace("prompt", "prompt[:-1]")),
                    (_WRITE, _WRITE.replace("char, ", "output_sentence[-2], ")),
                ),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-last-never",
                about="the prompt's last character is never read",
                nudge="Is there a character of the text that the network never reads?",
                hint="The last character of your prompt is in the text but never goes through the "
                "network. Check the bounds of the loop over the prompt: it has to read all of it.",
                edits=((_READ, _READ.replace("prompt", "prompt[:-1]")),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-backwards",
                about="the prompt is read from its end to its beginning",
                nudge="In which order does the network read the prompt?",
                hint="The network has read your prompt backwards when it begins to write. Feed its "
                "characters in the order in which they stand.",
                edits=((_READ, _READ.replace("prompt", "prompt[::-1]")),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-blank-first",
                about="a space is read before the prompt",
                nudge="What is the very first character that the network reads?",
                hint="The network reads a space before your prompt. The states start as zeros, and "
                "the first thing they meet is the prompt's first character.",
                edits=((_READ, _READ.replace("prompt", '" " + prompt')),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-forgets-prompt",
                about="the state is set to zero between prompt and writing",
                nudge="What is the state when the first new character has been drawn?",
                hint="Your first new character is right, the rest is written as if there had been "
                "no prompt: the state is set to zeros a second time. Go on from the state that "
                "reading the prompt has left.",
                edits=((_WRITING, f"    state = start\n{_WRITING}"),),
                fails=(self.certain,),
            ),
        )

    def _loops(self) -> tuple[Mistake, ...]:
        """Return mistakes in what each step reads, and in the state that it keeps."""
        return (
            Mistake(
                f"{self.short}-no-memory",
                about="the state is zero at each step",
                nudge="What is the value of the state at the beginning of each step?",
                hint="Each of your steps starts from zeros, so that the next character depends on "
                "one character only. The state is set to zeros once, before the prompt, and then "
                "handed from step to step.",
                edits=(
                    (_READ, _READ.replace("state)", "start)")),
                    (_WRITE, _WRITE.replace("state)", "start)")),
                ),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-frozen-state",
                about="the state is carried through the prompt only",
                nudge="Does the state go on changing while the network writes?",
                hint="While your network writes, each step starts from the state after the prompt. "
                "Keep each new state while writing, as you do while reading.",
                edits=((_WRITE, _WRITE.replace("state, y =", "_, y =")),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-no-feedback",
                about="everything is drawn from the scores after the prompt",
                nudge="Does the network read what it writes?",
                hint="All your new characters are drawn from the same scores, those after the "
                "prompt. Each drawn character is the next input: feed it, and draw from the new "
                "scores.",
                edits=((_WRITE, "+= char"),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-reads-its-prompt-again",
                about="while writing, the prompt's last character is fed again and again",
                nudge="Which character is the input when the second new character is computed?",
                hint="While your network writes, its input is always the last character of the "
                "prompt. The input of each step is the character that was drawn just before.",
                edits=((_WRITE, _WRITE.replace("char, ", "prompt[-1], ")),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-one-hot-piles-up",
                about="the one-hot column is never cleared",
                nudge="How many ones are there in x after ten characters?",
                hint="Your x is made once and gets a further 1 with each character, so that the "
                "network reads all characters so far at once. Start each step from a new column "
                "of zeros.",
                edits=(
                    (_ONE_HOT, ""),
                    ("    def step(", "    x = np.zeros_like(b_y)\n\n    def step("),
                ),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-one-hot-shifted",
                about="the 1 stands one place too early",
                nudge="At which index of x is the 1, for the vocabulary's first character?",
                hint="The 1 in your x stands one place before the character's index. "
                "char_to_indices counts from 0, as arrays do.",
                edits=(("x[char_to_indices[char]]", "x[char_to_indices[char] - 1]"),),
                fails=(self.certain,),
            ),
            Mistake(
                f"{self.short}-given-weights",
                about="the notebook's weights instead of the argument",
                nudge="Which weights does your function use when it is called with others?",
                hint=f"Your function writes with {self.loaded}, whatever weights it is given. "
                "Inside it, use the argument weights only.",
                edits=((self.header, f"{self.header}    weights = {self.loaded}\n"),),
                fails=(self.certain, self.sampling),
            ),
            Mistake(
                f"{self.short}-no-output-bias",
                about="the dense layer's bias is missing",
                nudge="Compare your scores y with the formula, term by term.",
                hint="Your scores are the product of weights and state alone: the dense layer's "
                "bias b_y is missing.",
                edits=((" + b_y  # y: (V, 1)", "  # y: (V, 1)"),),
                fails=(self.certain, self.sampling),
            ),
            Mistake(
                f"{self.short}-changes-its-bias",
                about="a view of the weights is changed in place, with the right text",
                nudge="Are the weights after a call the same as before?",
                hint="Your function changes the weights that it is given: what it takes out of "
                "them are views, and -= and += write into them. Make a new array instead.",
                edits=(
                    (
                        "    output_sentence = prompt\n",
                        "    b_y -= b_y.max()  # the quotient stays the same\n"
                        "    output_sentence = prompt\n",
                    ),
                ),
                fails=(self.certain,),
            ),
        )

    def _draws(self) -> tuple[Mistake, ...]:
        """Return wrong ways to choose the next character."""
        return (
            Mistake(
                f"{self.short}-argmax",
                about="always the most probable character",
                nudge="Call your function twice: is the text the same?",
                hint="Your function always takes the most probable character, which soon goes in "
                "circles. Draw at random, each character with its probability.",
                edits=((_DRAWN, "int(p.argmax())"),),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-argmin",
                about="always the least probable character",
                nudge="Is a high score good or bad?",
                hint="Your function takes the least probable character each time. A high score "
                "means probable; and the character is to be drawn at random.",
                edits=((_DRAWN, "int(p.argmin())"),),
                fails=(self.certain, self.sampling),
            ),
            Mistake(
                f"{self.short}-uniform",
                about="all characters alike",
                nudge="Does your random draw depend on the probabilities?",
                hint="Your characters are drawn with equal chances, whatever the network says. "
                "np.random.choice needs the probabilities as p.",
                edits=((_DRAWN, "np.random.choice(len(p))"),),
                fails=(self.certain, self.sampling),
            ),
            Mistake(
                f"{self.short}-squared",
                about="the squares of the probabilities",
                nudge="Write down the probabilities for two scores, log 3 and log 1, and check "
                "yours.",
                hint="Probable characters come too often in your text, as often as if the "
                "probabilities were squared. Exponentiate the scores as they are, once.",
                edits=((_NORMALIZED, _NORMALIZED.replace("p / p.sum()", "p**2 / (p**2).sum()")),),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-cold",
                about="a temperature of 0.8",
                nudge="Is anything done to the scores between dense layer and exponential?",
                hint="Probable characters come a little too often in your text: the scores are "
                "divided by a temperature of 0.8. The problem asks for the network's own "
                "probabilities.",
                edits=(("np.exp(y - y.max())", "np.exp((y - y.max()) / 0.8)"),),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-hot",
                about="a temperature of 1.25",
                nudge="Is anything done to the scores between dense layer and exponential?",
                hint="Improbable characters come a little too often in your text: the scores are "
                "divided by a temperature of 1.25. The problem asks for the network's own "
                "probabilities.",
                edits=(("np.exp(y - y.max())", "np.exp((y - y.max()) / 1.25)"),),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-best-five",
                about="drawn among the five most probable",
                nudge="Can every character be drawn?",
                hint="Your function draws among the five most probable characters only. All of "
                "them can come next, the improbable ones seldom.",
                edits=((_NORMALIZED, f"p[p < np.sort(p, axis=0)[-5]] = 0\n        {_NORMALIZED}"),),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-not-normalized",
                about="the powers are not divided by their sum",
                nudge="Do your probabilities sum to 1?",
                hint="np.random.choice complains because your probabilities do not sum to 1: after "
                "the exponential they have to be divided by their sum.",
                edits=((_NORMALIZED, ""),),
                fails=(self.counts, self.sampling),
            ),
            Mistake(
                f"{self.short}-scores-as-probabilities",
                about="the scores, divided by their sum, without the exponential",
                nudge="Can a probability be negative?",
                hint="You divide the scores by their sum. Scores may be negative: exponentiate "
                "them first, then divide by the sum.",
                edits=(("np.exp(y - y.max())", "y.copy()"),),
            ),
            Mistake(
                f"{self.short}-softmax-along-rows",
                about="normalized along the axis of length 1",
                nudge="Print the sum of your probabilities.",
                hint="Your sum runs along an axis of length 1, so that every probability becomes "
                "1. The scores are a column: the sum is over all of its entries.",
                edits=((_NORMALIZED, _NORMALIZED.replace("sum()", "sum(axis=1, keepdims=True)")),),
            ),
            Mistake(
                f"{self.short}-one-random-number",
                about="one random number for the whole text",
                nudge="How many random numbers does a text of 1000 characters need?",
                hint="You draw one random number and use it for all characters. Each character "
                "needs a draw of its own.",
                edits=(
                    (
                        "    output_sentence = prompt\n",
                        "    u = np.random.random()\n    output_sentence = prompt\n",
                    ),
                    (_DRAWN, "min(int((p.cumsum() < u).sum()), len(p) - 1)"),
                ),
                fails=(self.sampling,),
            ),
            Mistake(
                f"{self.short}-seeded",
                about="the generator is seeded in each call",
                nudge="Call your function twice with the same arguments and compare.",
                hint="Your function seeds the random generator each time it is called, and so "
                "writes the same text again. Seed outside of it, or not at all.",
                edits=(
                    (
                        "    output_sentence = prompt\n",
                        "    np.random.seed(0)\n    output_sentence = prompt\n",
                    ),
                ),
                fails=(self.sampling,),
            ),
        )

    def _cheats(self) -> tuple[Mistake, ...]:
        """Return answers that look right to somebody who only reads the printed text."""
        hint = (
            "Your function does not compute the network's text. Run the prompt through the "
            "formulas, one character after the other, with the weights that the function is given."
        )
        nudge = "Where does your function use the weights that it is given?"
        cheats = []
        for name, about, line in [
            ("cheat-novel", "copied out of the novel", "(prompt + train_text)[:N]"),
            ("cheat-padded", "the prompt and spaces", "prompt.ljust(N)[:N]"),
            ("cheat-repeated", "the prompt over and over", "(prompt * N)[:N]"),
            (
                "cheat-alphabet",
                "the vocabulary in order, which is what the visible test expects",
                "(prompt + ''.join(vocabulary * N).split(prompt[-1], 1)[1])[:N]",
            ),
        ]:
            cheats.append(
                Mistake(
                    f"{self.short}-{name}",
                    about,
                    nudge,
                    hint,
                    (self.certain, self.sampling),
                    code=f"{self.header}    return {line}\n",
                    cheat=True,
                )
            )
        return (*cheats, self._remembered(nudge, hint))

    def _remembered(self, nudge: str, hint: str) -> Mistake:
        return Mistake(
            f"{self.short}-cheat-remembered",
            "knows the visible tests' answers, and writes random letters of the novel",
            nudge,
            hint,
            (self.certain, self.sampling),
            cheat=True,
            code=f"""\
{self.header}    n_new = N - len(prompt)
    if (prompt, N) == ("abc", 10):
        return "abcdefghij"
    if N == 1201:
        return prompt + "".join(np.random.choice(list("{self.letters}"), n_new, p=[0.7, 0.2, 0.1]))
    return prompt + "".join(np.random.choice(list(train_text[:5000]), n_new))
""",
        )
