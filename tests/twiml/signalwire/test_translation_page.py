"""docs/translation.md has every verb, noun and attribute, and every loss."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.twiml.signalwire.ours import BASE, Ours
from twiml.parser import parse
from twiml.schema import RULES
from twiml.signalwire.losses import Fate
from twiml.signalwire.swml import translate
from twiml.signalwire.swml.vocabulary import FATES
from twiml.signalwire.vocabulary import FATES as CXML_FATES
from twiml.signalwire.vocabulary import VERBS, WORDS

PAGE = (Path(__file__).parents[3] / "docs" / "translation.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")
WHOLE = frozenset(
    {
        *("AiSession", "Autopilot", "Conversation", "ConversationRelay", "Siprec"),
        *("ConversationRelaySession", "VirtualAgent", "Sim", "WhatsApp", "Application", "Task"),
        *("Prompt", "Parameter", "w"),
        # These are only ever inside one that is lost, or have no attribute.
        *("Config", "Language", "ApplicationSid", "Headers", "Identity", "Response"),
    }
)
"""Lost or carried with all that is in them: they have no table of their own."""
SSML = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"})


class Elsewhere(Ours):
    """Links as the page shows them."""

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        return "https://bridge.example/…"


def test_the_example_is_true() -> None:
    """Its SWML is what its TwiML becomes."""
    xml, shown = re.findall(r"```(?:xml|json)\n(.*?)```", PAGE, flags=re.DOTALL)
    translation = translate(parse(xml, base_url=BASE), Elsewhere(), BASE)
    assert json.loads(translation.output) == json.loads(shown)
    assert translation.losses == ()


def tables() -> dict[str, list[list[str]]]:
    """The rows of each element's table, by the element."""
    found: dict[str, list[list[str]]] = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        if match := re.match(r"`<(\w+)>`\n", section):
            rows = [
                line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"
            ]
            found[match[1]] = rows[2:]
    return found


def test_every_element_has_a_table() -> None:
    """But for those that are lost whole, which are named in another's."""
    assert set(tables()) | WHOLE | SSML == set(RULES)
    for name in (WHOLE | SSML) - {"Config", "Language", "ApplicationSid", "Response"}:
        assert f"`<{name}>`" in PAGE


def test_every_attribute_has_a_row() -> None:
    """In its element's table, all four columns filled in."""
    for name, rows in tables().items():
        named = {word for first, *_ in rows for word in CODE.findall(first)}
        assert set(RULES[name].attributes) <= named, name
        assert all(len(row) == 4 and all(row) for row in rows), name


def test_what_the_tables_call_lost_is_lost() -> None:
    """In SWML and in cXML, and nothing else is."""
    for name, rows in tables().items():
        for first, full, _, cxml in rows:
            for attribute in set(CODE.findall(first)) & set(RULES[name].attributes):
                lost = (name, attribute) in FATES or ((name, "") in FATES and name != "Queue")
                assert lost <= ("lost" in full), attribute
                assert (full == "lost") <= (lost or _mute(attribute)), attribute
                if name in WORDS and (name in VERBS or name in ("Number", "Sip", "Conference")):
                    word = WORDS[name]
                    known = attribute in word.plain or word.address(attribute)
                    assert bool(known or word.is_method(attribute)) == (cxml != "lost"), attribute


def _mute(attribute: str) -> bool:
    """Whether it means nothing without another."""
    return attribute.lower().endswith("method") or attribute.startswith(
        ("amdStatusCallback", "machineDetection")
    )


@pytest.mark.parametrize(("language", "fates"), [("SWML", FATES), ("cXML", CXML_FATES)])
def test_every_loss_is_listed(language: str, fates: Mapping[tuple[str, str], Fate]) -> None:
    """In its language's table, in order, with its reason and what happens instead: none more."""
    always = re.search(
        rf"^## Losses in {language}\n.*?^### Always\n.*?\|---\|---\|---\|\n(.*?)\n\n",
        PAGE.replace("`", ""),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert always is not None
    rows = []
    for (element, attribute), fate in fates.items():
        name = f"{element} {attribute}".rstrip() + (f'="{fate.only}"' if fate.only else "")
        rows.append(f"| <{name}> | {fate.why} | {fate.instead} |")
    assert always[1].splitlines() == rows
