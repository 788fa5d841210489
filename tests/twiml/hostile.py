"""Documents made to exhaust whoever reads them, and a process that reads one under bounds.

`python -m tests.twiml.hostile NAME` reads the document in every way that there is, with so much
time and memory and no more, and prints a JSON object with the numbers that were found. A process
that takes more is killed by the kernel.
"""

from __future__ import annotations

import codecs
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path

from tests.twiml.signalwire.ours import Ours
from twiml.document import FETCHED, INLINE, LIVE_UPDATE
from twiml.parser import parse
from twiml.response import read_response
from twiml.signalwire import cxml, swml

SECONDS = 4
"""Of processor time for one document; those of 64 kB take well under a second."""
MEMORY = 96 << 20
"""More than the interpreter has when the document is made."""
_BASE = "https://a.example/"
_SIZE = FETCHED.max_bytes
_MEGABYTES = 10 << 20
_STREAM = "<Response><Start><Stream url='wss://a/'>"
_STREAM_END = "</Stream></Start></Response>"
Made = Callable[[], bytes | str]


def filled(head: str, unit: str, tail: str) -> Made:
    """As many units between head and tail as a fetched document can hold."""
    count = (_SIZE - len((head + tail).encode())) // len(unit.encode())
    return lambda: head + unit * count + tail


def in_say(unit: str) -> Made:
    """As many units as fit into a `<Say>`."""
    return filled("<Response><Say>", unit, "</Say></Response>")


def in_start(unit: str) -> Made:
    """As many units as fit into a `<Start>`."""
    return filled("<Response><Start>", unit, "</Start></Response>")


def _entities(inner: str) -> str:
    """Ten levels of ten entities each: a thousand million times 64 characters, were it read."""
    lines = [f'<!ENTITY e0 "{"x" * 64}">']
    lines += [f'<!ENTITY e{level} "{_references(level)}">' for level in range(1, 10)]
    return f"<!DOCTYPE x [{''.join(lines)}]><Response><Say {inner}</Say></Response>"


def _references(level: int) -> str:
    return f"&e{level - 1};" * 10


def _prefixes(count: int) -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvw"
    return ("".join(three) for three in islice(product(letters, repeat=3), count))


def _declared(count: int) -> str:
    return "".join(f" xmlns:{name}='u:{name}'" for name in _prefixes(count))


def _tower(name: str, height: int) -> str:
    return f"<Response><Say>{f'<{name}>' * height}{f'</{name}>' * height}</Say></Response>"


def _numbered(form: str, count: int) -> str:
    return "".join(form.format(f"{number:x}") for number in range(count))


_QUADRATIC = f"<!DOCTYPE x [<!ENTITY a '{'a' * 30_000}'>]><Response>{'&a;' * 9000}</Response>"

REFUSED: dict[str, Made] = {
    "billion laughs": lambda: _entities(">&e9;"),
    "billion laughs in an attribute": lambda: _entities("voice='&e9;'>"),
    "billion laughs after two marks": lambda: "\ufeff\ufeff" + _entities("voice='&e9;'>"),
    "quadratic blow-up": lambda: _QUADRATIC,
    "entity of itself": lambda: "<!DOCTYPE x [<!ENTITY a '&a;'>]><Response>&a;</Response>",
    "parameter entities": lambda: "<!DOCTYPE x [<!ENTITY % a '%a;%a;'> %a;]><Response/>",
    "entity without a type": in_say("&x;"),
    "ten megabytes of text": lambda: f"<Response>{'x' * _MEGABYTES}</Response>",
    "ten megabytes in bytes": lambda: b"<Response>" + b"x" * _MEGABYTES + b"</Response>",
    "ten megabytes of elements": lambda: f"<Response>{'<Say/>' * (_MEGABYTES // 6)}</Response>",
    "ten megabytes of wide letters": lambda: ("\U0001f600" * (_MEGABYTES // 4)).encode("utf-16"),
    "ten megabytes of nothing": lambda: bytes(_MEGABYTES),
    "elements never closed": filled("", "<a>", ""),
    "verbs never closed": filled("<Response>", "<Say>", ""),
    "speech nested as deep as libxml2 goes": lambda: _tower("prosody", 240),
    "elements nested deeper": lambda: _tower("a", 5000),
    "comments never closed": filled("", "<!--", ""),
    "instructions never closed": filled("", "<?a", ""),
    "sections never closed": filled("<Response><Say>", "<![CDATA[", ""),
    "a quote never closed": filled("<Response a='", "x=", ""),
    "signs of less": filled("", "<", ""),
    "signs of and": in_say("&"),
    "NULs": lambda: bytes(_SIZE),
    "NULs in UTF-16": lambda: codecs.BOM_UTF16_LE + bytes(_SIZE - 2),
    "bytes of no encoding": lambda: b"<Response>" + b"\xff" * 60_000,
    "overlong letters": lambda: b"<Response>" + b"\xc0\x80" * 30_000,
    "surrogates": lambda: "<Response>" + "\ud800" * 20_000,
    "a declaration of blanks": filled("<?xml version='1.0' encoding", " ", "?><Response/>"),
    "a declaration that repeats": filled("<?xml version='1.0' ", "encoding=", "?><Response/>"),
    "an encoding that unpacks": lambda: b"<?xml version='1.0' encoding='zlib'?>x\x9c" + bytes(99),
    "a root of one long name": filled("<", "a", "/>"),
    "attributes twice": filled("<Response ", "a='' ", "/>"),
}
"""What must end with 12100 or 11750."""

READ: dict[str, Made] = {
    "attributes without end": lambda: "<Response" + _numbered(" a{}=''", 7000) + "/>",
    "attributes in a namespace": lambda: (
        "<Response xmlns:p='u'" + _numbered(" p:a{}=''", 5000) + "/>"
    ),
    "namespaces without end": lambda: f"<Response{_declared(3000)}/>",
    "namespaces, all used at once": lambda: (
        f"<Response{_declared(2000)}" + "".join(f" {name}:b=''" for name in _prefixes(2000)) + "/>"
    ),
    "namespaces, used again and again": filled(
        f"<Response{_declared(1500)}>", "<Say aab:b='' abc:c=''/>", "</Response>"
    ),
    "less-thans in a section": filled("<Response><![CDATA[", "<a", "]]></Response>"),
    "quotes in a section": filled("<Response><![CDATA[", '<a"', "]]></Response>"),
    "less-thans in a comment": filled("<Response><!--", "<a ", "--></Response>"),
    "less-thans in an instruction": filled("<Response><?x ", "<a'", "?></Response>"),
    "elements below a tag of two lines": filled("<Response\n><Say>", "<s/>", "</Say></Response>"),
    "unknown elements": filled("<Response>", "<a/>", "</Response>"),
    "unknown elements over lines": filled("<Response>", "<a\n/>", "</Response>"),
    "text in pieces": in_say("a<b/>"),
    "stray text in pieces": filled("<Response>", "a<Echo/>", "</Response>"),
    "references": in_say("&#65;"),
    "comments before the root": filled("", "<!---->", "<Response/>"),
    "instructions before the root": filled("", "<?a?>", "<Response/>"),
    "carriage returns": in_say("\r"),
    "streams refused": filled("<Response><Connect>", "<Stream/>", "</Connect></Response>"),
    "streams of one name": in_start("<Stream name='a' url='wss://a/'/>"),
    "streams over lines": in_start("<Stream\n/>"),
    "one parameter again and again": filled(_STREAM, "<Parameter name='a'/>", _STREAM_END),
    "parameters without end": lambda: (
        _STREAM + _numbered("<Parameter name='{}'/>", 2500) + _STREAM_END
    ),
    "a query without end": filled(f"{_STREAM[:-2]}?", "a&amp;", f"'>{_STREAM_END}"),
    "a host of many labels": filled(f"{_STREAM[:-3]}", ".a", f"'>{_STREAM_END}"),
    "a number without end": filled("<Response><Pause length='", "9", "'/></Response>"),
    "blanks before a number": filled("<Response><Pause length='", " ", "x'/></Response>"),
    "a language without end": filled("<Response><Say language='", "aa-", "'/></Response>"),
    "words without end": filled("<Response><Gather input='", "dtmf ", "'/></Response>"),
    "wrong words without end": filled("<Response><Gather input='", "dtmx ", "'/></Response>"),
    "a word nearly right": filled("<Response><Dial ringTone='", "us", "'/></Response>"),
    "a name nearly right": lambda: f"<Response><{'Say' * 16_000}/></Response>",
    "a path that climbs": filled("<Response><Play>", "../", "</Play></Response>"),
    "speech as deep as may be": in_say(f"{'<lang>' * 62}{'</lang>' * 62}"),
}
"""What can be read, if with findings, in time that grows no faster than the document."""


def bound(seconds: int = SECONDS) -> None:
    """Take no more than so much from here on, on Linux."""
    import resource

    used = math.ceil(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds))
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main(name: str) -> None:
    """Read one document in every way."""
    data = (REFUSED | READ)[name]()
    body = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    bound()
    document = parse(data, base_url=_BASE)
    if document.usable:
        cxml.translate(document, Ours(), _BASE)
        for dialect in swml.Dialect:
            swml.translate(document, Ours(), _BASE, dialect)
    found = {
        "codes": sorted({found.code for found in document.diagnostics}),
        "usable": document.usable,
        "findings": len(document.diagnostics),
        "inline": sorted({found.code for found in parse(data, INLINE).diagnostics}),
        "live": sorted({found.code for found in parse(data, LIVE_UPDATE).diagnostics}),
        "answers": [
            read_response(content_type, body, _BASE).usable
            for content_type in ("text/xml", "text/plain", "text/plain; charset=utf-16", "audio/x")
        ],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
