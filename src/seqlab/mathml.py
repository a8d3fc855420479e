"""Formulas of LaTeX as MathML, which browsers draw and print without any script or network.

latex2mathml does the work; here are the few things that it, or a browser, does not know. This
module does not know where in a text formulas stand, nor whether their writer can be trusted.
"""

import html
import re
import xml.etree.ElementTree as ET

# Commands that latex2mathml does not know, and what says the same
OTHERWISE = {
    r"\\(arg|tr|rank|diag|KL)(?![A-Za-z])": r"\\operatorname{\1}",
    r"\\(begin|end)\{(aligned|gathered|split)\}": r"\\\1{align*}",
    r"\\(boldsymbol|bm)(?![A-Za-z])": r"\\mathbf",
}
# Letters of other alphabets: where A and a stand in Unicode, and those that it had before.
ALPHABETS = {
    "bold": (0x1D400, 0x1D41A, ""),
    "script": (0x1D49C, 0x1D4B6, "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ"),
    "double-struck": (0x1D538, 0x1D552, "CℂHℍNℕPℙQℚRℝZℤ"),
}


def mathml(latex: str, block: bool) -> str:
    """Return a formula as MathML; what cannot be read stays as it was written, as code."""
    try:
        from latex2mathml.converter import convert_to_element

        element = convert_to_element(_known(latex), display="block" if block else "inline")
    except Exception:  # without the package, and whatever a slip of the pen does to it
        return f"<code>{html.escape(latex.strip())}</code>"
    for part in element.iter():
        _settle(part)
    return ET.tostring(element, encoding="unicode")


def _known(latex: str) -> str:
    for pattern, other in OTHERWISE.items():
        latex = re.sub(pattern, other, latex)
    return latex


def _settle(part: ET.Element) -> None:
    """Say in a browser's terms what it would not notice: entities, columns, alphabets."""
    part.text = html.unescape(part.text or "")
    if side := part.get("columnalign"):
        part.set("style", f"text-align: {side}")
    style = part.get("mathvariant", "")
    if style in ALPHABETS:  # browsers know no variants, and Unicode has the letters
        del part.attrib["mathvariant"]
        part.text = "".join(_letter(c, *ALPHABETS[style]) for c in part.text)


def _letter(c: str, upper: int, lower: int, before: str) -> str:
    known = dict(zip(before[::2], before[1::2], strict=True))
    if c in known:
        return known[c]
    if "A" <= c <= "Z":
        return chr(upper + ord(c) - ord("A"))
    return chr(lower + ord(c) - ord("a")) if "a" <= c <= "z" else c
