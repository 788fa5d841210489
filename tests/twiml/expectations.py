"""The documents in fixtures/twiml and what is expected of each, in the JSON of the same name.

`make expectations` writes down what the parser says now, for new documents too. That is no
verdict: read the difference before it is committed. `given` in the JSON is kept; it says how the
document is read:

- `limits`: `fetched` (when absent), `inline` or `live-update`;
- `base_url`, `allow_plain_ws`: as of `parse`;
- `content_type`: the document is an answer with that type, from `base_url`;
- `fill_bytes`, `fill_characters`: `{fill}` in the document stands for as many x as make the
  whole document so long.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import Any

from tests.twiml import summary
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Document
from twiml.parser import parse
from twiml.response import read_response

FOLDER = Path(__file__).parents[2] / "fixtures" / "twiml"
_LIMITS = {"fetched": FETCHED, "inline": INLINE, "live-update": LIVE_UPDATE}
_FILL = b"{fill}"
_WIDTH = 100


def paths() -> list[Path]:
    """Every document, in the order of their names."""
    return sorted(FOLDER.glob("*.xml"))


def stored(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a document is to be read, and what is expected of it."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return expected.pop("given", {}), expected


def read(path: Path, given: dict[str, Any]) -> Document:
    """A document of the folder, read as `given` says."""
    options = dict(given)
    limits = _LIMITS[options.pop("limits", "fetched")]
    data = _filled(path.read_bytes(), options)
    if "content_type" in options:
        return read_response(options.pop("content_type"), data, options["base_url"], limits)
    return parse(data, limits, **options)


def _filled(data: bytes, options: dict[str, Any]) -> bytes:
    wanted = options.pop("fill_bytes", None)
    if wanted is not None:
        return data.replace(_FILL, b"x" * (wanted - len(data) + len(_FILL)))
    wanted = options.pop("fill_characters", None)
    if wanted is not None:
        return data.replace(_FILL, b"x" * (wanted - len(data.decode()) + len(_FILL)))
    return data


def written(value: Any, indent: str = "", before: str = "") -> str:
    """JSON for people, after `before` in the same line: what fits into a line stands in one."""
    line = _visible(json.dumps(value, ensure_ascii=False))
    if len(indent + before + line) <= _WIDTH or not isinstance(value, (dict, list)):
        return before + line
    if isinstance(value, dict) and len(value) == 1:
        ((name, part),) = value.items()
        return written(part, indent, f"{before}{{{_key(name)}") + "}"
    deeper = indent + "  "
    if isinstance(value, list) and all(isinstance(part, str) and _is_word(part) for part in value):
        words = ", ".join(map(json.dumps, value))
        rows = wrap(words, max(_WIDTH - len(deeper), _WIDTH // 2), break_on_hyphens=False)
        return "\n".join([f"{before}[", *(deeper + row for row in rows), f"{indent}]"])
    if isinstance(value, list):
        parts = [deeper + written(part, deeper) for part in value]
        return f"{before}[\n" + ",\n".join(parts) + f"\n{indent}]"
    parts = [deeper + written(part, deeper, _key(name)) for name, part in value.items()]
    return f"{before}{{\n" + ",\n".join(parts) + f"\n{indent}}}"


def _is_word(text: str) -> bool:
    return re.fullmatch(r"[\w:-]{1,40}", text, re.ASCII) is not None


def _key(name: str) -> str:
    return f"{_visible(json.dumps(name, ensure_ascii=False))}: "


def _visible(text: str) -> str:
    """With escapes for what would not be seen, such as a no-break space."""
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def page(given: dict[str, Any], expected: dict[str, Any]) -> str:
    """The JSON beside a document; its four or five keys stand in lines of their own."""
    whole = ({"given": given} if given else {}) | expected
    rows = ["  " + written(value, "  ", _key(name)) for name, value in whole.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def rewrite(chosen: Iterable[Path]) -> None:
    """Write down what the parser says of these documents now."""
    for path in chosen:
        beside = path.with_suffix(".json")
        given = stored(path)[0] if beside.exists() else {}
        text = page(given, summary.of_document(read(path, given)))
        if not beside.exists() or beside.read_text(encoding="utf-8") != text:
            beside.write_text(text, encoding="utf-8")
            print(beside.relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    rewrite([FOLDER / f"{name}.xml" for name in sys.argv[1:]] or paths())
