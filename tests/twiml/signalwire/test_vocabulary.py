from __future__ import annotations

from twiml.schema import RULES
from twiml.signalwire.losses import Loss, no_attribute, no_element
from twiml.signalwire.vocabulary import VERBS, WORDS


def test_every_word_is_twiml() -> None:
    """cXML's table holds nothing that the TwiML schema does not know."""
    for name, word in WORDS.items():
        rule = RULES[name]
        addresses = {address.attribute for address in word.addresses}
        methods = {address.method for address in word.addresses if address.method}
        assert word.plain | addresses | methods <= set(rule.attributes), name
        assert word.children <= set(rule.children), name


def test_no_url_is_carried_as_it_is() -> None:
    """Whatever holds a URL by its name is exchanged, never copied."""
    for name, word in WORDS.items():
        for attribute in word.plain:
            assert not attribute.lower().endswith(("url", "callback", "action")), name


def test_verbs() -> None:
    """What may stand in a cXML Response, apart from the verbs that have a type of their own."""
    assert sorted(VERBS) == [
        *("Dial", "Echo", "Enqueue", "Gather", "Hangup", "Leave", "Pause", "Pay", "Play"),
        *("Record", "Refer", "Reject", "Say", "Sms"),
    ]


def test_losses_print_on_one_line() -> None:
    """Line, what, why, and what to do instead where there is something."""
    assert str(no_element("Siprec", 3)) == (
        "line 3: <Siprec> has no counterpart in cXML. Use <Start><Stream> with both tracks."
    )
    assert str(no_attribute("Gather", "bargeIn", 4)) == (
        "line 4: <Gather bargeIn> has no counterpart in cXML."
    )
    assert str(Loss("Play", "", 1, "is mute.")) == "line 1: <Play> is mute."
