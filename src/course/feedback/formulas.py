"""Formulas of LaTeX as MathML, which browsers show without any script.

latex2mathml does the work; of what it makes only elements and attributes that draw are kept, since
students write formulas, too. This module does not know where in a text formulas stand.
"""

import html
import re
import string
import xml.etree.ElementTree as ET
from functools import lru_cache

from latex2mathml.converter import convert_to_element

LONGEST = 2000  # characters
DRAWING = {
    "math",
    "mrow",
    "mi",
    "mo",
    "mn",
    "mtext",
    "mspace",
    "ms",
    "msub",
    "msup",
    "msubsup",
    "mfrac",
    "msqrt",
    "mroot",
    "mover",
    "munder",
    "munderover",
    "mtable",
    "mtr",
    "mtd",
    "mstyle",
    "mpadded",
    "mphantom",
    "menclose",
    "mmultiscripts",
    "mprescripts",
    "none",
}
ATTRIBUTES = {
    "display",
    "mathvariant",
    "stretchy",
    "fence",
    "form",
    "width",
    "displaystyle",
    "columnalign",
    "accent",
    "linethickness",
    "minsize",
    "maxsize",
    "lspace",
    "rspace",
    "notation",
}
VALUE = re.compile(r"[A-Za-z0-9. %-]{1,20}")
UNKNOWN = {  # to latex2mathml, in words that it knows
    r"\arg": r"\operatorname{arg}",
    r"\begin{aligned}": r"\begin{align*}",
    r"\end{aligned}": r"\end{align*}",
    r"\begin{gathered}": r"\begin{gather*}",
    r"\end{gathered}": r"\end{gather*}",
}
LETTERS = string.ascii_uppercase + string.ascii_lowercase
ALPHABETS = {"bold": 0x1D400, "script": 0x1D49C, "double-struck": 0x1D538}  # where A stands
EARLIER = {  # letters that Unicode had before it got the alphabets
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}


@lru_cache(maxsize=4000)
def mathml(latex: str, block: bool) -> str:
    """Return a formula as HTML: MathML, or its source where it cannot be read."""
    try:
        if len(latex) > LONGEST:
            raise ValueError("too long")
        element = convert_to_element(_known(latex), display="block" if block else "inline")
        return ET.tostring(_kept(element), encoding="unicode")
    except Exception:  # whatever a student's formula does to the parser
        return f"<code>{html.escape(latex.strip())}</code>"


def _known(latex: str) -> str:
    for word, other in UNKNOWN.items():
        ends = r"(?![A-Za-z])" if word[-1].isalpha() else ""
        latex = re.sub(re.escape(word) + ends, other.replace("\\", r"\\"), latex)
    return latex


def _kept(element: ET.Element) -> ET.Element:
    """Return an element with what is below it, as far as it draws."""
    name = element.tag if element.tag in DRAWING else "mrow"
    kept = ET.Element(
        name,
        {
            key: value
            for key, value in element.attrib.items()
            if key in ATTRIBUTES and VALUE.fullmatch(value)
        },
    )
    kept.text = _styled(html.unescape(element.text or ""), kept)
    kept.extend(_kept(child) for child in element)
    return kept


def _styled(text: str, element: ET.Element) -> str:
    """Return text in the letters of its alphabet, since browsers know no other variants."""
    style = element.get("mathvariant", "")
    if style not in ALPHABETS:
        return text
    del element.attrib["mathvariant"]
    letters = {c: chr(ALPHABETS[style] + i) for i, c in enumerate(LETTERS)}
    letters |= EARLIER.get(style, {})
    return "".join(letters.get(c, c) for c in text)
