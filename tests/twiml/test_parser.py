from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twiml.actions import Hangup, Pause, Redirect, Start, Verb
from twiml.document import FETCHED, INLINE, LIVE_UPDATE, Limits
from twiml.parser import Document, parse
from twiml.schema import RULES


def response(inner: str) -> str:
    return f"<Response>{inner}</Response>"


def codes(document: Document) -> list[int]:
    return [found.code for found in document.diagnostics]


@pytest.mark.contract("T14")
def test_verbs_keep_their_order() -> None:
    """Actions come in document order, typed or not."""
    document = parse(response("<Say>a</Say><Start/><Pause/><Play>u</Play><Hangup/><Leave/>"))
    assert [action.tag for action in document.actions] == [
        *("Say", "Start", "Pause", "Play", "Hangup", "Leave")
    ]


def test_verbs_are_named_as_written() -> None:
    """Every element below the root, unknown and misspelt ones too; none when there is no root."""
    inner = '<say/><Say><p/></Say><x:Foo xmlns:x="urn:x"/><!-- c --><Dial action="/x"/>'
    names = ("say", "Say", "x:Foo", "Dial")
    assert parse(response(inner)).verbs == names
    assert parse(response(inner), LIVE_UPDATE).verbs == names
    for unread in (f"<response>{inner}</response>", f"<Response>{inner}", ""):
        assert parse(unread).verbs == ()


def test_every_verb_of_the_schema_is_known() -> None:
    """Each verb that may stand in a Response becomes an action without a complaint of its name."""
    for name in RULES["Response"].children:
        (action,) = parse(response(f"<{name}/>")).actions
        assert action.tag == name


@pytest.mark.contract("T6")
@pytest.mark.parametrize("root", ["response", "RESPONSE", "Respons", "r:Response", "html"])
def test_the_root_is_exactly_response(root: str) -> None:
    """Any other root is 12100 and leaves nothing to run."""
    document = parse(f'<{root} xmlns:r="urn:r"><Hangup/></{root}>')
    assert codes(document) == [12100]
    assert not document.usable
    assert document.actions == ()


def test_verbs_without_a_type_are_kept_whole() -> None:
    """Attributes, text and children come through as written, SSML with its whitespace."""
    (verb,) = parse(response('<Say voice="x"> a <break time="1s"/> b </Say>')).actions
    assert isinstance(verb, Verb)
    assert verb.get("voice") == "x"
    assert verb.text == " a  b "
    assert [child.tag for child in verb.children] == ["break"]


def test_blanks_between_children_are_no_content() -> None:
    """Indentation inside a verb that takes a plain text, or none, is dropped."""
    (verb,) = parse(response("<Dial>\n  <Number>\n +1 \n</Number>\n</Dial>")).actions
    assert isinstance(verb, Verb)
    assert verb.content == verb.children
    assert verb.children[0].text == "\n +1 \n"


def test_unknown_attributes_stay_as_written() -> None:
    """They are warned about and ignored, and the attributes still say what was written."""
    document = parse(response('<Echo timeout="5"/>'))
    (verb,) = document.actions
    assert verb.attributes == (("timeout", "5"),)
    assert codes(document) == [12200]


def test_hangup_parameters() -> None:
    """Hangup takes parameters."""
    document = parse(response('<Hangup><Parameter name="a" value="b"/></Hangup>'))
    (hangup,) = document.actions
    assert isinstance(hangup, Hangup)
    (parameter,) = hangup.parameters
    assert (parameter.name, parameter.value) == ("a", "b")
    assert codes(document) == []


def test_redirect() -> None:
    """The URL is the text, blanks around it gone; POST unless GET is written."""
    written = response('<Redirect method="GET">\n /a?b=1 \n</Redirect>')
    (redirect,) = parse(written, base_url="https://x.example/").actions
    assert isinstance(redirect, Redirect)
    assert (redirect.url, redirect.method) == ("/a?b=1", "GET")
    assert parse(response("<Redirect/>")).actions == (Redirect(method="POST"),)


@pytest.mark.parametrize(
    ("written", "length"),
    [("5", 5), (" 7 ", 7), ("999999999", 999_999_999)],
)
def test_pause_lengths(written: str, length: int) -> None:
    """Whole seconds above nought are taken."""
    document = parse(response(f'<Pause length="{written}"/>'))
    assert document.actions == (Pause(attributes=(("length", written),), length=length),)
    assert codes(document) == []


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "x", "", "9" * 10, "9" * 5000, "٣"])
def test_bad_pause_lengths(written: str) -> None:
    """Anything else is a warning and one second."""
    document = parse(response(f'<Pause length="{written}"/>'))
    (pause,) = document.actions
    assert isinstance(pause, Pause)
    assert pause.length == 1
    assert codes(document) == [12200]


@pytest.mark.contract("T19")
@pytest.mark.parametrize("verb", ["Start", "Connect", "Gather", "Dial", "Record", "Enqueue"])
def test_live_updates_need_absolute_actions(verb: str) -> None:
    """A relative action is 15004 and refuses the update; elsewhere it is fine."""
    relative = response(f'<{verb} action="/x"/>')
    assert 15004 in codes(parse(relative, LIVE_UPDATE))
    assert parse(relative, LIVE_UPDATE).actions == ()
    assert parse(relative, INLINE).usable
    absolute = response(f'<{verb} action="https://x.example/x"/><Redirect>/y</Redirect>')
    assert parse(absolute, LIVE_UPDATE).usable
    assert parse(response(f'<{verb} action=""/>'), LIVE_UPDATE).usable


@pytest.mark.contract("T15")
def test_too_large_documents_have_their_numbers() -> None:
    """Fetched TwiML over its bound is 11750, inline TwiML 32018."""
    assert codes(parse("x" * (FETCHED.max_bytes + 1))) == [11750]
    assert codes(parse("x" * 4001, INLINE)) == [32018]
    assert codes(parse(b"\xff" * 99_999, INLINE)) == [32018]


@pytest.mark.parametrize(("unknown", "hidden"), [(99, 0), (100, 1), (500, 401)])
def test_findings_are_bounded(unknown: int, hidden: int) -> None:
    """A hundred findings are listed; of the others, only how many they are."""
    document = parse(response("<Sax/>" * unknown + "<Start><stream/></Start>"))
    assert len(document.diagnostics) == 100 + (hidden > 0)
    assert document.diagnostics[-1].message.startswith(f"{hidden} more") is (hidden > 0)
    assert document.usable


def test_a_fatal_finding_is_never_hidden() -> None:
    """However much else is wrong, what makes a document unusable is found."""
    document = parse(response("<Sax/>" * 200 + '<Dial action="/x"/>'), LIVE_UPDATE)
    assert document.fatal is not None
    assert document.fatal.code == 15004


def test_limits_are_arguments() -> None:
    """Every bound can be set, and holds at n and n + 1."""
    text = response("<Hangup/>")
    assert parse(text, Limits(max_bytes=len(text))).usable
    assert codes(parse(text, Limits(max_bytes=len(text) - 1))) == [11750]
    assert len(parse(response("<A/><B/>"), Limits(1000, max_findings=1)).diagnostics) == 2


def test_errors_and_warnings_are_told_apart() -> None:
    """A document with a refused stream is usable, and its findings can be asked for by weight."""
    document = parse(response('<Start a="1"><Stream url="ws://x.example/"/></Start>'))
    assert [found.code for found in document.errors] == [31922]
    assert [found.code for found in document.warnings] == [12200]
    assert document.usable
    assert document.fatal is None


def test_lines_are_those_of_the_start_tag() -> None:
    """An element's line is where it begins, not where its tag ends."""
    (start,) = parse('<Response>\n<Start\n\n action="x"\n/></Response>').actions
    assert isinstance(start, Start)
    assert start.line == 2


@pytest.mark.contract("T11")
@pytest.mark.parametrize(
    ("inner", "advice"),
    [
        ("<dial/>", "Did you mean <Dial>?"),
        ("<Number>1</Number>", "stands in <Dial>"),
        ("<numbr/>", "<Number> stands in <Dial>"),
        ("<Response/>", "at the root, once"),
        ("<Zzz/>", "<Start> and <Stop>"),
        ("<Echo><Zzz/></Echo>", "<Echo> holds no elements"),
        ('<x:Say xmlns:x="u"/>', "without a prefix"),
    ],
)
def test_what_does_not_belong_is_explained(inner: str, advice: str) -> None:
    """A misplaced or misspelled element is a warning that says where it goes or what it is."""
    (found,) = parse(response(inner)).diagnostics
    assert (found.severity, found.code) == ("warning", 12200)
    assert advice in found.advice


def test_diagnostics_print_on_one_line() -> None:
    """Place, severity, number, what, and how to mend it."""
    (found,) = parse(response("<say/>")).diagnostics
    assert str(found) == (
        "1:11 warning 12200 <Response> cannot hold <say>; it is left out. "
        "Did you mean <Say>? Upper and lower case count."
    )


names = st.sampled_from([*RULES, "say", "x:Say", "Foo", "é"])
attributes = st.sampled_from(
    [
        "",
        ' url="wss://a.example/?b"',
        " track='both'",
        ' action="x"',
        ' name="n"',
        ' xmlns="u"',
        ' xmlns:x="urn:x"',
        ' xml:lang="en"',
        ' length="9"',
        ' statusCallback="["',
        " a=b",
    ]
)
pieces = st.one_of(
    st.builds("<{}{}>".format, names, attributes),
    st.builds("<{}{}/>".format, names, attributes),
    st.builds("</{}>".format, names),
    st.sampled_from(["<!-- c -->", "<![CDATA[", "]]>", "<?p?>", "<?xml version='1.0'?>", "&amp;"]),
    st.sampled_from(["<!DOCTYPE x>", "&", "<", ">", "&#0;", "&x;", '"', "\r", "\x00", "\ufeff"]),
    st.text(max_size=4),
)
trees = st.recursive(
    st.builds("<{}{}/>".format, names, attributes),
    lambda inner: st.builds(
        lambda name, given, parts: f"<{name}{given}>{''.join(parts)}</{name}>",
        names,
        attributes,
        st.lists(st.one_of(inner, st.text("ab \n", max_size=3)), max_size=4),
    ),
    max_leaves=12,
)
documents = st.one_of(
    st.lists(pieces, max_size=12).map("".join),
    st.lists(pieces, max_size=12).map(lambda parts: response("".join(parts))),
    st.lists(trees, max_size=4).map(lambda parts: response("".join(parts))),
)


@pytest.mark.contract("T1")
@given(st.one_of(st.binary(), st.text(), documents, documents.map(str.encode)))
def test_nothing_is_ever_raised(data: bytes | str) -> None:
    """Whatever comes in: a document, with actions or with the finding that explains why not."""
    for limits in (FETCHED, LIVE_UPDATE):
        document = parse(data, limits, base_url="https://x.example/")
        assert document.usable or not document.actions
        assert document.usable or document.errors
        for found in document.diagnostics:
            assert found.message
            assert len(str(found)) < 1000


@given(trees)
def test_reading_is_deterministic(tree: str) -> None:
    """The same bytes give the same document, and equal documents compare equal."""
    assert parse(response(tree)) == parse(response(tree))


def test_stray_text_is_reported_once_an_element() -> None:
    """However many pieces the elements between cut it into."""
    document = parse(response("a<Pause/>b<Gather>c<Say>d</Say>e</Gather>f"))
    assert [found.column for found in document.diagnostics] == [1, 21]


@pytest.mark.parametrize("limits", [FETCHED, Limits(1000, max_depth=5)])
def test_nesting_is_bounded(limits: Limits) -> None:
    """As many elements in one another as the limit says are read; one more is 12100, once."""
    levels = limits.max_depth - 2
    tower = f"<Say>{'<lang>' * levels}%s{'</lang>' * levels}</Say>"
    assert parse(response(tower % "x"), limits).diagnostics == ()
    document = parse(response(tower % "<p/><p/>" + tower % "<p/>"), limits)
    assert codes(document) == [12100]
    assert document.actions == ()
