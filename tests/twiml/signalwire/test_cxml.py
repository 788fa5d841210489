from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.twiml.signalwire.ours import BASE, FOLDER, Ours, lost
from twiml.actions import Connect, Parameter, Say, Stream
from twiml.document import Document
from twiml.parser import parse
from twiml.signalwire.cxml import apology, translate
from twiml.signalwire.links import MediaLink
from twiml.signalwire.translation import Translation


def translated(inner: str) -> tuple[Translation, Ours]:
    links = Ours()
    document = parse(f"<Response>{inner}</Response>", base_url=BASE)
    assert document.usable
    return translate(document, links, BASE), links


def body(translation: Translation) -> str:
    """The verbs of a translation, without the declaration, the root and the indentation."""
    lines = translation.output.split("\n")
    assert lines[0] == '<?xml version="1.0" encoding="UTF-8"?>'
    assert lines[1] == "<Response>"
    return "".join(line.strip() for line in lines[2:-2])


def test_start_stream() -> None:
    """A Start's stream is ours in address and callback, the customer's in name and track."""
    translation, links = translated(
        '<Start><Stream url="wss://c.example/m?x=1" name="listener" track="both_tracks" '
        'statusCallback="https://c.example/s"><Parameter name="k" value="v &amp; w"/></Stream>'
        "</Start><Pause length='9'/>"
    )
    assert body(translation) == (
        '<Start><Stream url="wss://us.example/media/1" name="listener" track="both_tracks" '
        'codec="PCMU@8000h" authBearerToken="bearer1" '
        'statusCallback="https://us.example/stream/1" statusCallbackMethod="POST">'
        '<Parameter name="k" value="v &amp; w"/></Stream></Start><Pause length="9"/>'
    )
    assert links.given == [("media", "wss://c.example/m", "one")]
    assert translation.losses == ()


@pytest.mark.contract("S37")
def test_connect_stream_is_realtime() -> None:
    """Wherever audio comes back the stream says realtime; nowhere else."""
    translation, links = translated(
        '<Start><Stream url="wss://c.example/1"/></Start>'
        '<Connect><Stream url="wss://c.example/2" name="agent"/></Connect>'
    )
    one_way, two_way = body(translation).split("</Start>")
    assert "realtime" not in one_way
    assert two_way == (
        '<Connect><Stream url="wss://us.example/media/2" name="agent" realtime="true" '
        'codec="PCMU@8000h" authBearerToken="bearer2" '
        'statusCallback="https://us.example/stream/2" statusCallbackMethod="POST"/></Connect>'
    )
    assert [given[2] for given in links.given] == ["one", "two"]


@pytest.mark.contract("S36")
def test_a_connect_action_becomes_a_redirect() -> None:
    """The action is asked by a Redirect that follows, and nothing after it remains."""
    translation, links = translated(
        '<Connect action="after?x=1" method="GET"><Stream url="wss://c.example/"/></Connect>'
        "<Say>never</Say>"
    )
    assert "action" not in body(translation)
    assert body(translation).endswith(
        '</Connect><Redirect method="POST">https://us.example/document/2</Redirect>'
    )
    assert links.given[1] == (
        "document",
        "https://customer.example/voice/after?x=1",
        "GET",
        "Connect",
    )
    assert translation.losses == ()


def test_without_an_action_the_next_verb_follows_connect() -> None:
    """What comes after the stream's end is what came after it in TwiML."""
    translation, _ = translated(
        '<Connect><Stream url="wss://c.example/"/></Connect><Say>Goodbye</Say>'
    )
    assert body(translation).endswith("</Connect><Say>Goodbye</Say>")


def test_unnamed_streams_get_our_name() -> None:
    """SignalWire's handle is ours when the customer gave none, or an empty one."""
    for name in ("", 'name=""'):
        translation, _ = translated(f'<Start><Stream url="wss://c.example/" {name}/></Start>')
        assert 'name="stream1"' in body(translation)


def test_stop_is_carried() -> None:
    """Named streams are stopped by that name; what stops nothing is a loss."""
    translation, _ = translated(
        '<Stop><Stream name="a"/><Stream/><Siprec name="b"/></Stop><Stop><Stream/></Stop>'
    )
    assert body(translation) == '<Stop><Stream name="a"/></Stop>'
    assert lost(translation) == ["Stream", "Siprec", "Stream"]


def test_refused_streams_are_left_out() -> None:
    """With the reason as a loss; a Connect or Start that this empties is left out too."""
    translation, links = translated(
        '<Start><Stream url="http://c.example/"/></Start>'
        '<Connect action="/next"><Stream url="wss://c.example/" track="both_tracks"/></Connect>'
    )
    assert body(translation) == ('<Redirect method="POST">https://us.example/document/1</Redirect>')
    assert [given[0] for given in links.given] == ["document"]
    assert lost(translation) == ["Stream", "Stream"]
    assert "31922" in str(translation.losses[0])
    assert "31941" in translation.losses[1].why


def test_what_a_stream_cannot_carry_is_a_loss() -> None:
    """Start's action, and a stream's format, have no counterpart."""
    translation, _ = translated(
        '<Start action="/a" method="GET"><Stream url="wss://c.example/" sampleRate="8000" '
        'audioFormat="audio/x-mulaw"/></Start>'
    )
    assert lost(translation) == ["Start action", "Stream sampleRate", "Stream audioFormat"]
    assert "audioFormat" not in translation.output


@pytest.mark.contract("S30", "S31")
@pytest.mark.parametrize(
    "url", ["wss://c.example/m?token=1", "ws://c.example/", "https://c.example/", "/m?x=1#y"]
)
@pytest.mark.parametrize("verb", ["Start", "Connect"])
def test_the_customers_stream_url_never_reaches_signalwire(verb: str, url: str) -> None:
    """Whatever the customer wrote, SignalWire's wss URL is ours, without a query string."""
    translation, _ = translated(f'<{verb}><Stream url="{url}"/></{verb}>')
    root = etree.fromstring(translation.output.encode())
    for stream in root.iter("Stream"):
        assert str(stream.get("url")).startswith("wss://us.example/media/")
        assert "?" not in str(stream.get("url"))
    assert "c.example" not in translation.output.replace("us.example", "")


@pytest.mark.contract("S31")
@pytest.mark.parametrize("url", ["wss://us.example/m?t=1", "wss://us.example/m#t"])
def test_a_media_link_has_no_query_string(url: str) -> None:
    """A caller that puts its token there is told so."""
    with pytest.raises(ValueError, match="path"):
        MediaLink(url, "b", "s", "n")


@pytest.mark.contract("S32")
def test_custom_parameters_are_strings() -> None:
    """Each is carried as a Parameter with a name and a value, verbatim."""
    translation, _ = translated(
        '<Connect><Stream url="wss://c.example/"><Parameter name="n" value="1"/>'
        '<Parameter name="e"/><Parameter name="q" value="&quot;&#10;&lt;"/></Stream></Connect>'
    )
    root = etree.fromstring(translation.output.encode())
    carried = [(found.get("name"), found.get("value")) for found in root.iter("Parameter")]
    assert carried == [("n", "1"), ("e", ""), ("q", '"\n<')]


@pytest.mark.contract("S35")
def test_what_follows_a_start_still_follows_it() -> None:
    """A Start that was not last is not last; when cXML lacks what followed, a loss says so."""
    start = '<Start><Stream url="wss://c.example/"/></Start>'
    for verb in ("Say", "Pause", "Gather", "Dial", "Redirect", "Record"):
        inner = f"{start}<{verb}>{'1' if verb != 'Gather' else ''}</{verb}>"
        translation, _ = translated(inner)
        assert [child.tag for child in etree.fromstring(translation.output.encode())] == [
            *("Start", verb)
        ]
        assert translation.losses == ()
    translation, _ = translated(start + "<Connect><ConversationRelay/></Connect>")
    assert lost(translation) == ["ConversationRelay", "Start"]
    assert "ends there" in translation.losses[-1].why
    translation, _ = translated("<Say>x</Say>" + start)
    assert translation.losses == ()


def test_urls_come_back_through_us() -> None:
    """Each kind of URL is exchanged for its kind of link, absolute, and asked by POST."""
    translation, links = translated(
        '<Gather action="/a" method="GET" partialResultCallback="p"><Play>m.mp3</Play></Gather>'
        '<Dial action="b"><Number url="w" method="GET" statusCallback="s" '
        'statusCallbackMethod="GET" statusCallbackEvent="answered">+1555</Number></Dial>'
        '<Record action="c" transcribeCallback="t" recordingStatusCallback="r"/>'
        '<Enqueue waitUrl="q" waitUrlMethod="GET">support</Enqueue>'
        '<Redirect method="GET">d</Redirect><Say>never</Say>'
    )
    voice = "https://customer.example/voice"
    assert links.given == [
        ("document", "https://customer.example/a", "GET", "Gather"),
        ("callback", f"{voice}/p", "POST", "Gather"),
        ("file", f"{voice}/m.mp3"),
        ("document", f"{voice}/b", "POST", "Dial"),
        ("document", f"{voice}/w", "GET", "Number"),
        ("callback", f"{voice}/s", "GET", "Number"),
        ("document", f"{voice}/c", "POST", "Record"),
        ("callback", f"{voice}/t", "POST", "Record"),
        ("callback", f"{voice}/r", "POST", "Record"),
        ("document", f"{voice}/q", "GET", "Enqueue"),
        ("document", f"{voice}/d", "GET", "Redirect"),
    ]
    us = "https://us.example"
    assert body(translation) == (
        f'<Gather action="{us}/document/1" method="POST" partialResultCallback="{us}/callback/2" '
        f'partialResultCallbackMethod="POST"><Play>{us}/file/3</Play></Gather>'
        f'<Dial action="{us}/document/4" method="POST"><Number url="{us}/document/5" '
        f'method="POST" statusCallback="{us}/callback/6" statusCallbackMethod="POST" '
        'statusCallbackEvent="answered">+1555</Number></Dial>'
        f'<Record action="{us}/document/7" method="POST" transcribeCallback="{us}/callback/8" '
        f'recordingStatusCallback="{us}/callback/9" recordingStatusCallbackMethod="POST"/>'
        f'<Enqueue waitUrl="{us}/document/10" waitUrlMethod="POST">support</Enqueue>'
        f'<Redirect method="POST">{us}/document/11</Redirect>'
    )
    assert translation.losses == ()


def test_gather_and_record_ask_the_current_document() -> None:
    """Without an action, or with an empty one, that default is written out."""
    for attributes, method in (("", "POST"), ('action="" method="GET"', "GET")):
        for verb in ("Gather", "Record"):
            translation, links = translated(f"<{verb} {attributes}/>")
            assert links.given == [("document", BASE, method, verb)]
            assert body(translation) == (
                f'<{verb} action="https://us.example/document/1" method="POST"/>'
            )


def test_empty_urls() -> None:
    """An empty waitUrl asks for silence and stays; other empty URLs are none."""
    translation, links = translated(
        '<Dial action=""><Conference waitUrl="" statusCallback="">r</Conference></Dial>'
    )
    assert body(translation) == '<Dial><Conference waitUrl="">r</Conference></Dial>'
    assert links.given == []


def test_an_empty_redirect_asks_the_current_document() -> None:
    """As TwiML's does."""
    _, links = translated("<Redirect/>")
    assert links.given == [("document", BASE, "POST", "Redirect")]


def test_bad_urls_are_losses() -> None:
    """A URL that is neither http nor https is left out; a Play of one, and a Redirect, too."""
    translation, links = translated(
        '<Play>rtmp://c.example/x</Play><Sms statusCallback="ftp://c.example/">hi</Sms>'
        '<Dial action="mailto:a">1</Dial><Redirect>tel:1</Redirect>'
    )
    assert body(translation) == "<Sms>hi</Sms><Dial>1</Dial>"
    assert lost(translation) == ["Play", "Sms statusCallback", "Dial action", "Redirect"]
    assert links.given == []


def test_verbs_without_urls_are_carried_whole() -> None:
    """Attributes, text, SSML and nesting are as written."""
    inner = (
        '<Say voice="Polly.Joanna" language="en-US" loop="2"> Hi <break time="1s"/>'
        '<prosody rate="slow">there <emphasis level="strong">you</emphasis></prosody>'
        '<lang xml:lang="de-DE">Grüße</lang> </Say>'
        '<Play digits="ww1"/><Echo/><Leave/><Sms to="+1" from="+2">a &amp; b</Sms>'
        '<Refer><Sip>sip:a@b.example</Sip></Refer><Reject reason="busy"/>'
    )
    translation, _ = translated(inner)
    assert body(translation) == inner
    assert translation.losses == ()


def test_elements_that_cxml_lacks_are_losses() -> None:
    """They are left out with their line, and the verbs around them stay."""
    translation, _ = translated(
        "<Prompt/>\n<Queue>q</Queue>\n<Dial><Client>bob</Client><Number>1</Number></Dial>\n"
        "<Dial><Sim>x</Sim></Dial>\n<Start><Siprec/></Start>\n"
        "<Connect><Room participantIdentity='p'>r</Room></Connect>\n"
        "<Enqueue>e<Task>t</Task></Enqueue>\n<Say>a <w>b <break/></w> c</Say>\n"
        "<Hangup><Parameter name='a'/></Hangup>"
    )
    assert body(translation) == (
        "<Dial><Number>1</Number></Dial><Connect><Room>r</Room></Connect><Enqueue>e</Enqueue>"
        "<Say>a b <break/> c</Say><Hangup/>"
    )
    assert [(loss.element, loss.attribute, loss.line) for loss in translation.losses] == [
        ("Prompt", "", 1),
        ("Queue", "", 2),
        ("Client", "", 3),
        ("Sim", "", 4),
        ("Dial", "", 4),
        ("Siprec", "", 5),
        ("Room", "participantIdentity", 6),
        ("Task", "", 7),
        ("w", "", 8),
        ("Parameter", "", 9),
    ]
    assert "sip" in translation.losses[2].instead.lower()


def test_attributes_that_cxml_lacks_are_losses() -> None:
    """What TwiML knows and cXML does not is reported; what TwiML ignores is just left out."""
    translation, _ = translated(
        '<Gather action="/a" bargeIn="false" maxSpeechTime="9" debug="true" nonsense="1"/>'
        '<Gather action="/a" bargeIn="true" debug="false" maxSpeechTime="?"/>'
        '<Dial sequential="true" referUrl="/r" events="call-progress-event">'
        '<Conference region="us1">r</Conference></Dial><Echo timeout="5"/>'
    )
    assert lost(translation) == [
        "Gather bargeIn",
        "Gather maxSpeechTime",
        "Gather debug",
        "Dial sequential",
        "Dial referUrl",
        "Dial events",
        "Conference region",
    ]
    for word in ("bargeIn", "nonsense", "sequential", "referUrl", "region", "timeout"):
        assert word not in translation.output


def test_a_payment_keeps_its_prompts() -> None:
    """Pay is carried but for Twilio's connector."""
    translation, _ = translated(
        '<Pay paymentConnector="stripe" timeout="5"><Prompt for="postal-code"><Say>zip?</Say>'
        '</Prompt><Parameter name="a" value="b"/></Pay>'
    )
    assert body(translation) == (
        '<Pay timeout="5"><Prompt for="postal-code"><Say>zip?</Say></Prompt>'
        '<Parameter name="a" value="b"/></Pay>'
    )
    assert lost(translation) == ["Pay paymentConnector"]


def test_the_output_is_written_for_people_too() -> None:
    """Declared UTF-8, one element to a line, and the same each time."""
    translation, _ = translated("<Say>Grüße</Say><Dial><Number>1</Number></Dial>")
    assert translation.output == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n  <Say>Grüße</Say>\n'
        "  <Dial>\n    <Number>1</Number>\n  </Dial>\n</Response>\n"
    )
    assert translated("<Hangup/>")[0] == translated("<Hangup/>")[0]
    assert translated("")[0].output.endswith("<Response/>\n")


@pytest.mark.contract("S38")
def test_the_size_is_told() -> None:
    """64 kB is within the bound; one byte more is too large, and a loss says so."""
    enqueue = "<Enqueue>{}</Enqueue>"
    empty = len(translated(enqueue.format("x"))[0].output) - 1
    fits = 64 * 1024 - empty
    # Translated sizes differ from read ones: the document read is shorter than the one written.
    translation, _ = translated(enqueue.format("x" * fits))
    assert len(translation.output) == 64 * 1024
    assert not translation.too_large
    assert translation.losses == ()
    translation, _ = translated(enqueue.format("x" * (fits + 1)))
    assert translation.too_large
    assert "too large" in str(translation.losses[-1])


@pytest.mark.contract("S34")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.stem)
def test_every_fixture_gives_well_formed_cxml(path: Path) -> None:
    """Of any usable document: names keep their case, and ours are all the addresses in it."""
    document = parse(path.read_bytes(), base_url=BASE)
    if not document.usable:
        return
    output = translate(document, Ours(), BASE).output
    root = etree.fromstring(output.encode())
    assert root.tag == "Response"
    for element in root.iter():
        assert str(element.tag)[0].isupper() or str(element.tag).islower() or "-" in element.tag
        for name, value in element.attrib.items():
            if "//" in str(value):
                assert "//us.example/" in str(value), name


@pytest.mark.contract("S34")
@given(st.text(), st.text())
def test_any_text_is_well_formed(spoken: str, value: str) -> None:
    """What the customer writes cannot break out of its place."""
    stream = Stream(connect_url="wss://c.example/", content=(Parameter(name=value, value=spoken),))
    document = Document((Say(content=(f"x{spoken}",)), Connect(content=(stream,))))
    root = etree.fromstring(translate(document, Ours(), BASE).output.encode())
    assert [element.tag for element in root.iter()] == [
        *("Response", "Say", "Connect", "Stream", "Parameter")
    ]
    etree.fromstring(apology(spoken).encode())


def test_an_apology_says_a_sentence_and_hangs_up() -> None:
    """It stands alone, whatever happened to the customer's document."""
    assert apology("We are sorry & <so on>.") == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n'
        "  <Say>We are sorry &amp; &lt;so on&gt;.</Say>\n  <Hangup/>\n</Response>\n"
    )


def test_a_room_goes_on_at_the_action() -> None:
    """What `<Connect action>` asks for when the room is left is asked for by a redirect."""
    translation, links = translated(
        '<Connect action="/left" method="GET"><Room>daily</Room></Connect><Say>never</Say>'
    )
    assert body(translation) == (
        "<Connect><Room>daily</Room></Connect>"
        '<Redirect method="POST">https://us.example/document/1</Redirect>'
    )
    assert links.given[0][1:] == ("https://customer.example/left", "GET", "Connect")
    assert translation.losses == ()


@pytest.mark.parametrize(
    ("written", "spelt", "lost"),
    [
        ("completed absent", ' recordingStatusCallbackEvent="completed failed"', 0),
        ("in-progress completed", ' recordingStatusCallbackEvent="completed"', 1),
        ("in-progress", "", 1),
    ],
)
def test_events_of_a_conference_recording(written: str, spelt: str, lost: int) -> None:
    """They are spelt in SignalWire's words; one it has not is a loss."""
    translation, _ = translated(
        f'<Dial><Conference recordingStatusCallbackEvent="{written}">c</Conference></Dial>'
    )
    assert body(translation) == f"<Dial><Conference{spelt}>c</Conference></Dial>"
    assert len(translation.losses) == lost


@pytest.mark.parametrize(
    ("written", "spelt", "lost_ones"),
    [
        ("modify announcement", "", 2),
        ("start modify speaker", ' statusCallbackEvent="start speaker"', 1),
        (
            "start end join leave mute hold speaker",
            ' statusCallbackEvent="start end join leave mute hold speaker"',
            0,
        ),
    ],
)
def test_events_of_a_conference(written: str, spelt: str, lost_ones: int) -> None:
    """Those that cXML has are carried; each of the others is a loss of its own."""
    translation, _ = translated(
        f'<Dial><Conference statusCallbackEvent="{written}">c</Conference></Dial>'
    )
    assert body(translation) == f"<Dial><Conference{spelt}>c</Conference></Dial>"
    assert lost(translation) == ["Conference statusCallbackEvent"] * lost_ones


@pytest.mark.parametrize(("noun", "text"), [("Number", "1"), ("Sip", "sip:a@b.example")])
def test_ten_parties_to_a_dial(noun: str, text: str) -> None:
    """The tenth is dialled; from the eleventh on each is a loss."""
    party = f"<{noun}>{text}</{noun}>"
    translation, _ = translated(f"<Dial>{party * 10}</Dial>")
    assert body(translation) == f"<Dial>{party * 10}</Dial>"
    assert translation.losses == ()
    translation, _ = translated(f"<Dial>{party * 12}</Dial>")
    assert body(translation) == f"<Dial>{party * 10}</Dial>"
    assert lost(translation) == [noun, noun]


@pytest.mark.parametrize(
    ("inner", "dialled", "lost_ones"),
    [
        ("<Number>1</Number><Sip>sip:a@b</Sip>", "<Number>1</Number>", ["Sip"]),
        ("<Sip>sip:a@b</Sip><Number>1</Number>", "<Sip>sip:a@b</Sip>", ["Number"]),
        ("<Sip>sip:a@b</Sip><Conference>c</Conference>", "<Sip>sip:a@b</Sip>", ["Conference"]),
        ("<Sip/><Number>1</Number>", "<Number>1</Number>", ["Sip"]),
    ],
)
def test_nothing_is_dialled_beside_a_sip(inner: str, dialled: str, lost_ones: list[str]) -> None:
    """Whatever can be dialled first decides; what it cannot stand beside is a loss."""
    translation, _ = translated(f"<Dial>{inner}</Dial>")
    assert body(translation) == f"<Dial>{dialled}</Dial>"
    assert lost(translation) == lost_ones


@pytest.mark.parametrize(
    ("verb", "most"),
    [("<Say>{}</Say>", 4096), ("<Sms>{}</Sms>", 1599), ("<Say><s>{}</s></Say>", 4096)],
)
def test_long_texts(verb: str, most: int) -> None:
    """They are passed on whole; beyond what SignalWire takes, a loss says so."""
    assert translated(verb.format("x" * most))[0].losses == ()
    translation, _ = translated(verb.format("x" * (most + 1)))
    assert body(translation) == verb.format("x" * (most + 1))
    assert lost(translation) == [verb[1:4]]
    assert str(most) in translation.losses[0].why


@pytest.mark.parametrize(
    "noun", ['<ConversationRelay url="wss://x.example/"/>', "<AiSession/>", "<Room/>"]
)
def test_an_action_that_is_never_asked(noun: str) -> None:
    """When nothing in a Connect is left that could end, its action is a loss; the rest runs."""
    translation, links = translated(f'<Connect action="/a">{noun}</Connect><Say>x</Say>')
    assert body(translation) == "<Say>x</Say>"
    assert lost(translation)[-1] == "Connect action"
    assert links.given == []
    translation, _ = translated(f"<Connect>{noun}</Connect>")
    assert "Connect action" not in lost(translation)


def test_verbs_with_nothing_in_them() -> None:
    """They are left out, as in SWML: with a loss, but where nothing would have been heard."""
    translation, _ = translated(
        "<Enqueue workflowSid='WW1'><Task>{}</Task></Enqueue><Sms to='+1'> </Sms><Refer/>"
        "<Dial> </Dial><Dial><Number/><Conference/><Queue/><Sip/></Dial>"
        "<Connect><Room> </Room></Connect><Say/><Say> </Say><Play/><Play> </Play>"
        "<Gather action='/a'><Say/></Gather><Play digits='1'/>"
    )
    assert body(translation) == (
        '<Gather action="https://us.example/document/1" method="POST"/><Play digits="1"/>'
    )
    assert lost(translation) == [
        *("Enqueue workflowSid", "Task", "Enqueue", "Sms", "Refer", "Dial"),
        *("Number", "Conference", "Queue", "Sip", "Dial", "Room"),
    ]


def test_tones_of_a_play_without_its_file() -> None:
    """A file that cannot be fetched does not keep the tones from being sent."""
    translation, _ = translated('<Play digits="1">rtmp://c.example/x</Play>')
    assert body(translation) == '<Play digits="1"/>'
    assert lost(translation) == ["Play"]


def test_nothing_runs_after_a_redirect_that_is_lost() -> None:
    """TwiML's ends the call there too; a Connect's action that is lost lets the next verb run."""
    translation, _ = translated("<Say>a</Say><Redirect>mailto:x</Redirect><Say>after</Say>")
    assert body(translation) == "<Say>a</Say>"
    assert [loss.instead for loss in translation.losses] == ["The call ends there."]
    stream = '<Stream url="wss://c.example/"/>'
    translation, _ = translated(f'<Connect action="tel:1">{stream}</Connect><Say>after</Say>')
    assert body(translation).endswith("</Connect><Say>after</Say>")
    assert lost(translation) == ["Connect action"]
