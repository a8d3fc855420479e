"""What axe-core finds on a page in Chromium, and what a keyboard alone reaches of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

WEIGHTY = ("moderate", "serious", "critical")  # impacts; below is "minor"
# Widths in pixels: contrast depends on the theme, and what scrolls on the width.
LOOKS = {"light": 1280, "dark": 375}
MOST_STEPS = 3000  # of the Tab key, in a page without a trap

FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  at.__reached = true;
  const shown = at.offsetWidth ? at : at.nextElementSibling ?? at;  // a switch's label
  const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
  const ringed = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  return {
    html: at.outerHTML.slice(0, 120), tag: at.tagName, seen: box.width > 0 && box.height > 0,
    ringed: ringed || style.boxShadow !== 'none',
  };
}"""
UNREACHED = """() => [...document.querySelectorAll('summary, a[href], button, [tabindex="0"]')]
  .filter((element) => element.tabIndex >= 0)
  .filter((element) => element.checkVisibility({visibilityProperty: true}) && !element.__reached)
  .map((element) => element.outerHTML.slice(0, 120))"""
STUCK = """() => [...document.querySelectorAll('body *')].filter((element) => {
  const style = getComputedStyle(element);
  const scrolls = ['auto', 'scroll'].includes(style.overflowX)
    && element.scrollWidth > element.clientWidth + 1
    && element.checkVisibility({visibilityProperty: true});
  const parts = [element, ...element.querySelectorAll('*')];
  return scrolls && !parts.some((part) => part.__reached);
}).map((element) => element.outerHTML.slice(0, 120))"""


@contextmanager
def opened(chromium: Any, address: str, theme: str) -> Iterator[Any]:
    """Open a page as somebody sees it whose system is light or dark."""
    context = chromium.new_context(
        viewport={"width": LOOKS[theme], "height": 900},
        color_scheme=theme,
        reduced_motion="reduce",
        bypass_csp=True,  # our pages forbid scripts, and axe-core is one
    )
    try:
        page = context.new_page()
        page.goto(address)
        yield page
    finally:
        context.close()


def violations(page: Any, within: str = "") -> list[str]:
    """Return a line for each weighty rule that a page breaks.

    Args:
        page: of playwright
        within: only elements that match this selector
    """
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("(within) => axe.run(within || document)", within)["violations"]
    return [
        f"{rule['impact']} {rule['id']} ({len(rule['nodes'])}): {rule['nodes'][0]['html'][:200]}"
        for rule in found
        if rule["impact"] in WEIGHTY
    ]


def faults_by_keyboard(page: Any, theirs: str = "no-such-class") -> list[str]:
    """Press Tab until the page is left; return what is not reached, not seen, or keeps the focus.

    Details are opened on the way, by the keyboard.

    Args:
        page: of playwright
        theirs: what stands in the HTML of elements that are not looked at
    """
    faults: dict[str, None] = {}
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        if not (focused["seen"] and focused["ringed"]):
            faults[f"focus is not seen: {focused['html']}"] = None
        if focused["tag"] == "SUMMARY":
            before = page.evaluate("document.activeElement.parentElement.open")
            page.keyboard.press("Enter")
            if page.evaluate("document.activeElement.parentElement.open") == before:
                faults[f"does not open: {focused['html']}"] = None
            elif before:
                page.keyboard.press("Enter")
    else:
        faults["the focus never leaves the page"] = None
    faults |= dict.fromkeys(f"not reached: {html}" for html in page.evaluate(UNREACHED))
    faults |= dict.fromkeys(f"scrolls by mouse alone: {html}" for html in page.evaluate(STUCK))
    return [fault for fault in faults if theirs not in fault]
