"""docs/local-calls.md says of every verb whether a local call runs it, and this holds it to that:
a verb that does not run says so on the timeline, and the next one runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.app.calls.house import House, at_home
from tests.support.sound import keys_heard
from twiml.schema import RULES
from twiml.script import EVERY_VERB

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/local-calls.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `<(\w+)>` \| (runs|skipped) \|.*\| `(tests/\S+)` \|$", re.M)
ROWS = ROW.findall(PAGE)

NOUNS_THAT_RUN = frozenset(
    {"Stream", "Recording", "Number", "Client", "Sip", "Conference", "Queue"}
)
"""What stands in a verb and is carried out; the table has the verb."""

EVERY_ROW = frozenset(
    {
        *RULES["Response"].children,
        *(
            noun
            for verb in ("Connect", "Start", "Stop", "Dial", "Enqueue")
            for noun in RULES[verb].children
            if noun not in NOUNS_THAT_RUN
        ),
    }
)
"""Every verb that the parser knows, and what may stand in those that begin something."""

SKIPPED = {
    "Pay": "<Pay/>",
    "Prompt": "<Prompt/>",
    "Queue": "<Queue>q</Queue>",
    "Refer": "<Refer><Sip>sip:a@example.com</Sip></Refer>",
    "Sms": "<Sms>text</Sms>",
    "Leave": "<Leave/>",
    "Siprec": '<Start><Siprec name="a"/></Start>',
    "Transcription": '<Start><Transcription name="a"/></Start>',
    "ConversationRelay": '<Connect><ConversationRelay url="wss://a.example/"/></Connect>',
    "VirtualAgent": '<Connect><VirtualAgent connectorName="a"/></Connect>',
    "Autopilot": "<Connect><Autopilot>a</Autopilot></Connect>",
    "ConversationRelaySession": '<Connect><ConversationRelaySession connector="a"/></Connect>',
    "AiSession": '<Connect><AiSession aiConnector="a"/></Connect>',
    "Room": "<Connect><Room>a</Room></Connect>",
    "Conversation": "<Connect><Conversation/></Connect>",
    "Application": "<Dial><Application>AP0</Application></Dial>",
    "Sim": "<Dial><Sim>DE0</Sim></Dial>",
    "WhatsApp": "<Dial><WhatsApp>+15550001111</WhatsApp></Dial>",
    "Task": '<Enqueue workflowSid="WW0"><Task>{}</Task></Enqueue>',
}


@pytest.mark.parametrize("name", SKIPPED)
def test_what_a_local_call_has_not(tmp_path: Path, name: str) -> None:
    """It is told, with its line, and the next verb runs."""

    async def main(home: House) -> None:
        call, outcome = await home.call(f'{SKIPPED[name]}<Play digits="7"/>')
        skipped = call.told("verb.skipped")
        assert skipped, call.kinds
        assert all(entry["line"] == 1 and entry["message"] for entry in skipped)
        assert keys_heard(outcome.heard) == "7"

    at_home(main, tmp_path)


def test_the_page_has_every_verb() -> None:
    """Each verb once, and those that run are those that the script can run."""
    named = [verb for verb, _, _ in ROWS]
    assert sorted(named) == sorted(EVERY_ROW)
    assert {verb for verb, how, _ in ROWS if how == "skipped"} == {*SKIPPED} - EVERY_VERB
    assert {verb for verb, how, _ in ROWS if how == "runs"} == EVERY_VERB


@pytest.mark.parametrize(("verb", "how", "test"), ROWS)
def test_the_page_names_a_test(verb: str, how: str, test: str) -> None:
    """The test exists, and has the verb in it."""
    text = (ROOT / test).read_text(encoding="utf-8")
    assert f"<{verb}" in text
    assert (how == "skipped") is (test.endswith("test_every_verb.py"))
