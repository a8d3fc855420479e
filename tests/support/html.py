"""What a browser would load by itself to show a page of HTML."""

import re
from html.parser import HTMLParser

LOADING = {"src", "srcset", "poster", "data", "background"}
IN_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class _Loads(HTMLParser):
    def __init__(self):
        super().__init__()
        self.addresses, self._in_style = [], False

    def handle_starttag(self, tag, attrs):
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in LOADING or (tag in ("link", "image", "use") and name.endswith("href")):
                self.addresses.append(value or "")
            elif name == "style":
                self._css(value or "")

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if self._in_style:
            self._css(data)

    def _css(self, text):
        self.addresses += [url or name for url, name in IN_CSS.findall(text)]


def loads(page: str) -> list[str]:
    """Return the addresses of what a page loads by itself, without what is part of it.

    >>> loads('<img src="data:image/png;base64,AA"><a href="https://a.example">a link</a>')
    []
    >>> loads('<script src="https://cdn.example/x.js"></script><style>@import "y.css"</style>')
    ['https://cdn.example/x.js', 'y.css']
    """
    parser = _Loads()
    parser.feed(page)
    return [address for address in parser.addresses if not address.startswith(("data:", "#"))]
