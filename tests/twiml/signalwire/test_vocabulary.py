from __future__ import annotations

from twiml.schema import RULES
from twiml.signalwire.losses import Loss
from twiml.signalwire.vocabulary import FATES, VERBS, WORDS


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


CARRIED = {"Start": "", "Connect": "action method", "Redirect": "method"} | {
    "Stream": "url name track statusCallback statusCallbackMethod connectorName"
}
"""What the translator itself reads; a Stream's connectorName is refused before."""
AMD = (
    "amdStatusCallback amdStatusCallbackMethod machineDetectionTimeout "
    "machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold "
    "machineDetectionSilenceTimeout"
)
MUTE = {"Dial": "referMethod", "Start": "method", "Number": AMD, "Sip": AMD}
"""What means nothing without another attribute, which is lost."""
INSIDE = frozenset({"ApplicationSid", "Config", "Header", "Identity", "Language"})
"""They stand only in elements that are lost whole."""


def carried(name: str) -> list[str]:
    """The attributes of an element that cXML has."""
    word = WORDS.get(name)
    if word is None:
        return CARRIED.get(name, "").split()
    methods = [address.method for address in word.addresses if address.method]
    return [*word.plain, *(address.attribute for address in word.addresses), *methods]


def test_every_attribute_has_one_fate() -> None:
    """None is forgotten: each is carried, lost in words, or mute without one that is lost."""
    whole = {element for element, attribute in FATES if not attribute} - {"Queue", "Prompt"}
    for name, rule in RULES.items():
        if name in whole | INSIDE:
            continue
        lost_ones = [attribute for element, attribute in FATES if element == name and attribute]
        told = [*carried(name), *MUTE.get(name, "").split(), *lost_ones]
        assert sorted(told) == sorted(rule.attributes), name


def test_every_element_has_a_fate() -> None:
    """One that cXML has not, or not everywhere, is lost in words wherever it is."""
    own = {"Start", "Connect", "Stop", "Stream", "Redirect", "Response"}
    assert {element for element, attribute in FATES if not attribute} == (
        set(RULES) - set(WORDS) - own - INSIDE
    ) | {"Parameter", "Prompt", "Queue"}
    for element, attribute in FATES:
        assert element in RULES
        assert not attribute or attribute in RULES[element].attributes


def test_losses_print_on_one_line() -> None:
    """Line, what, why, and what happens instead."""
    assert str(Loss("Siprec", "", 3, "is mute.", "It is left out.")) == (
        "line 3: <Siprec> is mute. It is left out."
    )
    assert str(Loss("Gather", "bargeIn", 4, "is mute.", "It is left out.")) == (
        "line 4: <Gather bargeIn> is mute. It is left out."
    )
