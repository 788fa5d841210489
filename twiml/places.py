"""Where start tags and attributes stand in a document: exact lines and columns.

libxml2 keeps no columns, and its line of an element is that of the tag's end. This scanner reads
text that libxml2 has accepted, so it need not cope with errors.
"""

from __future__ import annotations

import re
from bisect import bisect_right

# ASCII, for a name may hold the ogham space mark, which is no blank in XML.
_MARKUP = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</[^>]*>
      |<(?P<name>[^\s/>]+)(?P<rest>(?:[^"'>]++|"[^"]*+"|'[^']*+')*+)>""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s=/]+)\s*=\s*(?:"[^"]*"|'[^']*')""", re.ASCII)


class Places:
    """Positions in a well-formed document, by an element's number in document order.

    The scan runs once, at the first question. Lines and columns count from 1; a column counts
    characters. Lines end with a line feed: the reader has normalised the others.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tags: list[re.Match[str]] | None = None
        self._lines: list[int] = []

    def lines(self) -> list[int]:
        """The line of each element's start tag, in document order."""
        tags = self._scanned()
        return [bisect_right(self._lines, tag.start()) for tag in tags]

    def element(self, index: int) -> tuple[int, int]:
        """The place of the `<` of the start tag of element `index`."""
        return self._place(self._tag(index).start())

    def attribute(self, index: int, name: str) -> tuple[int, int]:
        """The place of an attribute's name; that of the tag when there is no such attribute."""
        tag = self._tag(index)
        for match in _ATTRIBUTE.finditer(tag["rest"]):
            if match[1] == name:
                return self._place(tag.start("rest") + match.start())
        return self._place(tag.start())

    def names(self, index: int) -> list[str]:
        """The names of the attributes in a start tag, as written; namespaces are declared by none.

        They are in document order, as is what libxml2 keeps of them.
        """
        names = (match[1] for match in _ATTRIBUTE.finditer(self._tag(index)["rest"]))
        return [name for name in names if name != "xmlns" and not name.startswith("xmlns:")]

    def _tag(self, index: int) -> re.Match[str]:
        return self._scanned()[index]

    def _scanned(self) -> list[re.Match[str]]:
        if self._tags is None:
            self._tags = [match for match in _MARKUP.finditer(self._text) if match["name"]]
            self._lines = [0, *(match.end() for match in re.finditer("\n", self._text))]
        return self._tags

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1
