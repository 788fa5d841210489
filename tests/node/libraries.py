"""Node's libraries of builders, driven by builders.mjs, and what their type files declare."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.twiml.plans import Step

HERE = Path(__file__).parent
NODE = shutil.which("node")
MODULES = HERE / "node_modules"
SIGNALWIRE = MODULES / "@signalwire" / "compatibility-api"
TYPES = {
    "twilio": (MODULES / "twilio" / "lib" / "twiml" / "VoiceResponse.d.ts",),
    "signalwire": (
        SIGNALWIRE / "lib" / "twiml" / "VoiceResponse.d.ts",
        SIGNALWIRE / "src" / "types.ts",
    ),
}
MISSING = NODE is None or not all(path.exists() for paths in TYPES.values() for path in paths)

_ALIAS = re.compile(r"^ *type (\w+) = ([^;]+);", re.MULTILINE)
_INTERFACE = re.compile(r"interface (\w+)Attributes(?: extends (\w+)Attributes)? ?\{(.*?)\}", re.S)
_ATTRIBUTE = re.compile(r"^\s*[\"']?([\w:-]+)[\"']?\?: ?([^;\n]+);?$", re.MULTILINE)
_LITERAL = re.compile(r"[\"']([^\"']*)[\"']")
_SPELT = {"SsmlSayAs": "say-as", "SipUri": "Uri"}


@cache
def census(library: str) -> list[dict[str, Any]]:
    """Every builder that can be reached, by its path, and those that throw when called."""
    return _run(library, "", "--census")


def built(library: str, paths: Iterable[tuple[Step, ...]]) -> list[str]:
    """The documents that the library's builders print for these chains of elements."""
    lines = (
        json.dumps(
            [
                {"element": step.element, "attributes": step.attributes, "text": step.text}
                for step in path
            ]
        )
        for path in paths
    )
    return [str(made["twiml"]) for made in _run(library, "\n".join(lines) + "\n")]


def _run(library: str, lines: str, *options: str) -> list[dict[str, Any]]:
    result = subprocess.run(
        [NODE or "node", "builders.mjs", library, *options],
        cwd=HERE,
        input=lines.encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    # Not splitlines(): values hold line separators other than \n.
    return [json.loads(line) for line in result.stdout.decode().split("\n") if line]


@cache
def attributes(library: str) -> dict[str, dict[str, str]]:
    """Attributes and their types, by the element's name, as the type files declare them."""
    text = "".join(path.read_text(encoding="utf-8") for path in TYPES[library])
    found: dict[str, dict[str, str]] = {}
    for name, above, body in _INTERFACE.findall(text):
        declared = dict(_ATTRIBUTE.findall(body))
        found[_element(name)] = found.get(_element(above), {}) | declared
    return found


@cache
def literals(library: str) -> dict[str, tuple[str, ...]]:
    """The words that a named type is a union of."""
    text = "".join(path.read_text(encoding="utf-8") for path in TYPES[library])
    return {name: tuple(_LITERAL.findall(union)) for name, union in _ALIAS.findall(text)}


def _element(name: str) -> str:
    return _SPELT.get(name) or (name[4:].lower() if name.startswith("Ssml") else name)
