"""Texts that make a careless parser try every way to read them, and so take forever."""

import math
from collections.abc import Iterator

REPEATED = (  # one after the other, as often as they fit
    *("[", "[]()", "[a](", "[a](b", "![a](", "[a]: ", "[a]:\n", "[^a]", "[^a]: b\n"),
    *("`", "```\n", "~~~ a\n", "~", "|", "| ", "|a|b|\n", "a|b\n", "-|"),
    *("$", "$a", "$ ", "$$a\n", "\\begin{a}", "\\begin{x}$", "\\", "\\\\("),
    *("- ", "- a\n", "1. ", "> ", ">", "> - ", "> a\n- b\n"),
    *("<a ", '<a href="', "<b>", "<", "<!--", "<!-- -", "<?", "<![CDATA[", "<!A ", "<a:"),
    *("&", "&a", "&#", "*", "*a", "*a_ ", "**a ", "_a", "a_", "#", "# ", "# a\n", "#\n"),
    *(".", "a", "1", "a ", "a.b", "\U0001f600", '"', "'", '"""', "a@", "a.", "http://", "/", "/a"),
    *("%", "%a\n", "!", "?\n", "a=b", "a = ", ":", "a: ", ": ", "-", "+", "1+", "(", "()", "(1)"),
    *(
        "lambda:",
        "def f():\n",
        "if 1:\n",
        'f"{',
        "\\\n",
        "x;",
        "\r",
        "\x1b[",
        "\0",
        " copy",
        "-copy",
    ),
    *("\n", " \n", "a\n", "Cell In[1]\n", "Cell In ", 'File "<ipython-input-1-', "<<<<<<< ", "~/a"),
)
AROUND_BLANKS = (  # before and behind a long run of blanks
    *(("", ""), ("x = (", ""), ("x = 1", "$"), ("\t", "?x"), ("# a", "#x"), ("# ", "\n")),
    *(("$$", ""), ("*", "a"), ("- a", "b"), ("[a](", ")"), ("|", "|"), ("Cell In", "x"), ("", "%")),
)


def texts(length: int) -> Iterator[str]:
    """Yield texts of about so many characters: each a pattern repeated, nested or around blanks."""
    for part in REPEATED:
        yield part * (length // len(part))
    for before, behind in AROUND_BLANKS:
        for blank in (" ", "\t", "\n"):
            yield before + blank * length + behind
    depth = math.isqrt(2 * length)
    for line in ("- a\n", "if 1:\n", "> a\n", "1. a\n"):
        yield "".join(" " * i + line for i in range(depth))
    yield "".join("`" * i + "a" for i in range(depth))
    yield "a\n" + "=" * length
    yield "a" * length + "?"
