"""Written answers of three students: one who answers well, one in key words, one who guesses."""

GOOD = {
    "b-2-4-own": """\
from pathlib import Path

model_size = "mini"
my_prompts = ["NURSE:\\nMy lady,", "The storm is over, and", "The train to London was"]

examples = [f"{prompt}{generate(prompt, 30, model_size)}" for prompt in my_prompts]
Path("2_4.txt").write_text("\\n\\n----\\n\\n".join(examples) + "\\n", encoding="utf-8")
print("\\n\\n----\\n\\n".join(examples))
""",
    "b-2-4-answer": """\
**Model:** mini, 30 tokens each. *What I typed is in bold.*

1. **NURSE: My lady,** I will not be so much as I have
   done; but I will not say the world is not the
2. **The storm is over, and** the world is the world,
   And the world is the world, and the world is the
3. **The train to London was** the king, and the king is dead,
   and he that is the king is dead

The model knows what a play looks like: short lines, capital letters where a line begins, words of
the time in an order that is often grammatical. It doesn't know what it is talking about. *The
train* is just some noun to it, and after a line there is no thought left. It also goes round in
circles (example 2). I think that comes from always taking the best token: once "the world is" has
come twice, it is the most probable thing to come a third time, and nothing random ever leads out of
it. For the same reason I get exactly the same text each time I run the cell.
""",
}

SHORT = {
    "b-2-4-answer": "mini. JULIET: I will not. My lord, I will not. KING: I will not be.\n"
    "It repeats itself because of greedy.",
}

GUESSED = {"b-2-4-answer": "I only had time for one: ROMEO: the the the the the"}
