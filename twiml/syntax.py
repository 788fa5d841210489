"""Why XML would not parse, in words a customer can act on.

libxml2 names the first thing it could not read; most documents fail in one of a dozen ways.
"""

from __future__ import annotations

import re

_MISMATCH = re.compile(r"mismatch: (?P<opened>\S+) line (?P<line>\d+) and (?P<closed>\S+)")
_PREMATURE = re.compile(r"in tag (?P<opened>\S+) line (?P<line>\d+)")
# The six curly quotes that word processors and chat programs put for straight ones.
_CURLY_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a"
_NAME = 40

_DECLARATION = (
    "The XML declaration is wrong: its version or its encoding.",
    'Write <?xml version="1.0" encoding="UTF-8"?>, or leave it out.',
)
_REFERENCE = (
    "A reference to a character is not a number between &# and a semicolon.",
    "Write &#233; or &#xE9;, or the character itself.",
)
_CAUSES: dict[str, tuple[str, str]] = {
    "ERR_ATTRIBUTE_NOT_FINISHED": (
        "An attribute's value has no closing quote.",
        "Close the quote; inside a value write &quot; for a quote.",
    ),
    "ERR_ATTRIBUTE_WITHOUT_VALUE": (
        "An attribute has no value.",
        'Write name="value"; XML has no attributes by name alone.',
    ),
    "ERR_ATTRIBUTE_REDEFINED": (
        "An attribute is given twice in one tag.",
        "Keep one of them.",
    ),
    "ERR_CDATA_NOT_FINISHED": ("A CDATA section is not closed.", "Close it with ]]>."),
    "ERR_COMMENT_NOT_FINISHED": ("A comment is not closed.", "Close it with -->."),
    "ERR_DOCUMENT_END": (
        "Something follows the end of the first element.",
        "Send one <Response>, nothing after it, and no warning of your app's before it.",
    ),
    "ERR_DOCUMENT_EMPTY": (
        "The body is not XML: it does not begin with a tag.",
        "Answer with <Response> … </Response>, nothing before it.",
    ),
    "ERR_ENCODING_NAME": _DECLARATION,
    "ERR_ENTITYREF_SEMICOL_MISSING": (
        "A raw & stands in the text or in a value.",
        "Write &amp; for &.",
    ),
    "ERR_GT_REQUIRED": ("A tag is not closed with >.", "Write > at the end of the tag."),
    "ERR_HYPHEN_IN_COMMENT": (
        "A comment has -- inside it.",
        "XML allows -- at a comment's ends only.",
    ),
    "ERR_INVALID_CHAR": (
        "A character stands here that XML does not allow.",
        "Remove control characters from the text.",
    ),
    "ERR_INVALID_DEC_CHARREF": _REFERENCE,
    "ERR_INVALID_HEX_CHARREF": _REFERENCE,
    "ERR_LT_IN_ATTRIBUTE": (
        "A raw < stands in an attribute's value, or a quote before it is not closed.",
        "Write &lt; for <, and close the quotes.",
    ),
    "ERR_MISPLACED_CDATA_END": ("]]> stands in the text.", "Write ]]&gt;."),
    "ERR_PI_NOT_FINISHED": ("A processing instruction is not closed.", "Close it with ?>."),
    "ERR_PI_NOT_STARTED": (
        "<? begins something that has no name, such as PHP that was not run.",
        "Look at what the URL answers: the app's code may be sent instead of what it prints.",
    ),
    "ERR_RESERVED_XML_NAME": (
        "An XML declaration stands inside the document.",
        "Let <?xml be the very first characters of the body, once.",
    ),
    "ERR_RESOURCE_LIMIT": (
        "The document is nested too deeply or holds too long a value.",
        "TwiML is a few levels deep: look for a loop in what builds it.",
    ),
    "ERR_SPACE_REQUIRED": (
        "There is no space between two attributes, or a quote stands too many.",
        "Put a space between attributes; inside a value write &quot; for a quote.",
    ),
    "ERR_UNDECLARED_ENTITY": (
        "An entity is used that XML does not know.",
        (
            "Write the character itself or its number, such as &#160;; the only names are "
            "&amp; &lt; &gt; &quot; &apos;."
        ),
    ),
    "ERR_UNKNOWN_VERSION": _DECLARATION,
    "ERR_VERSION_MISSING": _DECLARATION,
    "NS_ERR_ATTRIBUTE_REDEFINED": ("An attribute is given twice in one tag.", "Keep one of them."),
    "NS_ERR_QNAME": (
        "A name has a colon that sets off no prefix.",
        "TwiML has no namespaces: write the name without colons.",
    ),
    "NS_ERR_UNDEFINED_NAMESPACE": (
        "A name has a prefix that is not declared.",
        "TwiML has no namespaces: write the name without the prefix.",
    ),
}
_OTHER = ("The XML cannot be parsed.", "Check the document with any XML validator.")


def explain(kind: str, detail: str, text: str, line: int, column: int) -> tuple[str, str]:
    """The message and the advice for libxml2's first error, `kind` being its symbolic name."""
    if kind == "ERR_NAME_REQUIRED":
        return _name_required(detail)
    if kind == "ERR_TAG_NAME_MISMATCH" and (match := _MISMATCH.search(detail)):
        opened, closed = match["opened"][:_NAME], match["closed"][:_NAME]
        return (
            f"<{opened}> of line {match['line']} is not closed before </{closed}>.",
            f"Write </{opened}> before </{closed}>, in the same upper and lower case.",
        )
    if kind == "ERR_TAG_NOT_FINISHED" and (match := _PREMATURE.search(detail)):
        opened = match["opened"][:_NAME]
        return (
            f"The document ends before <{opened}> of line {match['line']} is closed.",
            f"Write </{opened}>, or <{opened}/> if it is empty.",
        )
    if kind == "ERR_ATTRIBUTE_NOT_STARTED":
        curly = _character(text, line, column) in _CURLY_QUOTES
        return (
            "An attribute's value is not in quotes.",
            'Write straight quotes " instead of curly ones.' if curly else 'Write name="value".',
        )
    return _CAUSES.get(kind, _OTHER)


def _name_required(detail: str) -> tuple[str, str]:
    if "EntityRef" in detail:
        return _CAUSES["ERR_ENTITYREF_SEMICOL_MISSING"]
    if "StartTag" in detail:
        return ("A raw < stands in the text, or a tag has no name.", "Write &lt; for <.")
    return (
        "A tag holds something that is neither an attribute nor its end.",
        'Write attributes as name="value" and end the tag with >.',
    )


def _character(text: str, line: int, column: int) -> str:
    """The character at a place; a blank when there is none, so that it is in no set of signs."""
    lines = text.split("\n", line)
    if not 0 < line <= len(lines):
        return " "
    return lines[line - 1][column - 1 : column] or " "
