"""Formulas of LaTeX as MathML, which browsers draw and print without any script or network.

latex2mathml does the work. Here is what it, or a browser, does not know, and a list of what may
remain: students write formulas, too. This module does not know where in a text formulas stand.
"""

import html
import re
import string
import xml.etree.ElementTree as ET
from functools import lru_cache

from latex2mathml.converter import convert_to_element

LONGEST = 2000  # characters
# Commands that latex2mathml does not know, and how to say the same
SYNONYMS = {
    r"\\(arg|tr|rank|diag|KL)(?![A-Za-z])": r"\\operatorname{\1}",
    r"\\(begin|end)\{(aligned|split)\}": r"\\\1{align*}",
    r"\\(begin|end)\{gathered\}": r"\\\1{gather*}",
    r"\\(boldsymbol|bm)(?![A-Za-z])": r"\\mathbf",
}
ELEMENT = re.compile(
    "math|mrow|mi|mo|mn|mtext|mspace|ms|msub|msup|msubsup|mfrac|msqrt|mroot|mover|munder|munderover"
    "|mtable|mtr|mtd|mstyle|mpadded|mphantom|menclose|mmultiscripts|mprescripts|none"
)
ATTRIBUTE = re.compile(
    "display|mathvariant|stretchy|fence|form|width|displaystyle|columnalign|accent|linethickness"
    "|minsize|maxsize|lspace|rspace|notation"
)
VALUE = re.compile(r"[A-Za-z0-9. %-]{1,20}")
LETTERS = string.ascii_uppercase + string.ascii_lowercase
ALPHABETS = {"bold": 0x1D400, "script": 0x1D49C, "double-struck": 0x1D538}  # where A stands
EARLIER = {  # letters that Unicode had before it got the alphabets
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}


@lru_cache(maxsize=4000)
def mathml(latex: str, block: bool) -> str:
    r"""Return a formula as MathML; what cannot be read stays as it was written, as code.

    Args:
        latex: the formula, without the dollar signs around it
        block: whether it stands on a line of its own

    Example:
        >>> mathml(r"\frac{1}{", block=False)
        '<code>\\frac{1}{</code>'
    """
    try:
        if len(latex) > LONGEST:
            raise ValueError("too long")
        element = convert_to_element(_known(latex), display="block" if block else "inline")
        return ET.tostring(_kept(element), encoding="unicode")
    except Exception:  # whatever a student's formula does to the parser
        return f"<code>{html.escape(latex.strip())}</code>"


def _known(latex: str) -> str:
    """Return a formula in words that latex2mathml knows."""
    for pattern, other in SYNONYMS.items():
        latex = re.sub(pattern, other, latex)
    return latex


def _kept(element: ET.Element) -> ET.Element:
    """Return an element and what is below it, as far as it draws, in terms that browsers know."""
    kept = ET.Element(element.tag if ELEMENT.fullmatch(element.tag) else "mrow")
    for key, value in element.attrib.items():
        if ATTRIBUTE.fullmatch(key) and VALUE.fullmatch(value):
            kept.set(key, value)
    kept.text = _in_alphabet(html.unescape(element.text or ""), kept)
    if side := kept.get("columnalign"):
        kept.set("style", f"text-align: {side}")
    kept.extend(_kept(child) for child in element)
    return kept


def _in_alphabet(text: str, element: ET.Element) -> str:
    """Return text in the letters of its alphabet, since browsers know no variants of letters."""
    alphabet = element.get("mathvariant", "")
    if alphabet not in ALPHABETS:
        return text
    del element.attrib["mathvariant"]
    letters = {c: chr(ALPHABETS[alphabet] + i) for i, c in enumerate(LETTERS)}
    letters |= EARLIER.get(alphabet, {})
    return "".join(letters.get(c, c) for c in text)
