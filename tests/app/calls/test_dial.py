"""<Dial> of other phones: who rings, who is heard by whom, how it ends, what is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.agent import CALLER_WAV
from app.calls.handsets import MAX_TAPE_BYTES, Busy, Invitation, Nobody, Talk, Tape
from bridge.call import CallStatus
from bridge.phone import Phone, TapePhone
from bridge.wav import read_wav
from tests.app.calls.house import Handset, House, at_home, sounding
from tests.support.sound import keys_heard
from twiml.parser import parse

CALLER_SAYS = bytes(range(1, 101)) * 400  # 5 s
CALLEE_SAYS = bytes(range(100, 0, -1)) * 400
AFTER = {"/after": "<Hangup/>"}


def test_both_hear_each_other(tmp_path: Path) -> None:
    """Once the callee has answered each hears what the other says, until the callee hangs up;
    `action` is told of it, and the callee's call is one of its own."""

    async def main(home: House) -> None:
        bob = home.has("+15550001111", Handset(CALLEE_SAYS, after=2, hangs_up=3))
        call, outcome = await home.call(
            '<Dial action="/after" callerId="+15550009999"><Number>+15550001111</Number></Dial>'
            '<Play digits="9"/>',
            CALLER_SAYS,
        )
        after = await home.app.until("/after")
        assert after["DialCallStatus"] == "completed"
        assert after["DialBridged"] == "true"
        assert after["DialCallDuration"] == "3"
        assert after["DialCallSid"] == bob.rung[0].call_sid
        assert bob.rung[0].from_ == "+15550009999"
        assert sounding(CALLEE_SAYS)[: 8000 * 2] in outcome.heard
        assert sounding(bob.heard)[160:] in CALLER_SAYS
        assert len(sounding(bob.heard)) == pytest.approx(3 * 8000, abs=800)
        assert outcome.heard.count(CALLEE_SAYS[:160]) > 0
        record = home.service.ended[bob.rung[0].call_sid].record
        assert (record.parent_sid, record.direction) == (call.sid, "outbound-dial")
        assert record.status == "completed"
        assert "call.connected" in call.kinds

    at_home(main, tmp_path, AFTER)


def test_the_caller_hangs_up(tmp_path: Path) -> None:
    """The callee's call ends with the caller's, and `action` is told at the end."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset(CALLEE_SAYS))
        call = home.begin('<Dial action="/after"><Client>bob</Client></Dial>', CALLER_SAYS)
        await call.until("call.connected")
        call.hang_up()
        outcome = await call.over()
        assert outcome.hung_up_by == "caller"
        assert home.service.ended[bob.rung[0].call_sid].call.status is CallStatus.COMPLETED
        after = await home.app.until("/after")
        assert (after["DialCallStatus"], after["CallStatus"]) == ("completed", "completed")
        assert not home.service.calls

    at_home(main, tmp_path, AFTER)


def test_the_caller_gives_up(tmp_path: Path) -> None:
    """A phone that rings stops ringing when the caller hangs up; its call was canceled."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset(after=60))
        call = home.begin("<Dial><Client>bob</Client></Dial>")
        await call.until("leg.began")
        call.hang_up()
        await call.over()
        assert bob.stopped == bob.rung
        assert home.service.ended[bob.rung[0].call_sid].call.status is CallStatus.CANCELED

    at_home(main, tmp_path)


@pytest.mark.parametrize(
    ("who", "status", "seconds"),
    [("busy", "busy", 0), ("nobody", "no-answer", 5), ("unknown", "failed", 0)],
)
def test_no_connection(tmp_path: Path, who: str, status: str, seconds: int) -> None:
    """Busy, no answer in `timeout`, or not there: `action` is told which, the caller hears ringing
    meanwhile, and goes on."""

    async def main(home: House) -> None:
        connected = home.service.exchange.directory.connected
        connected |= {"busy": Busy(), "nobody": Nobody()}
        call, outcome = await home.call(
            f'<Dial timeout="5" action="/after"><Client>{who}</Client></Dial>'
        )
        after = home.app.forms("/after")[0]
        assert (after["DialCallStatus"], after["DialBridged"]) == (status, "false")
        assert "DialCallDuration" not in after
        assert len(outcome.heard) == pytest.approx(seconds * 8000, abs=1600)
        assert bool(sounding(outcome.heard)) is bool(seconds)
        (ended,) = call.told("leg.ended")
        assert ended["status"] == status
        assert home.service.ended[ended["leg"]].record.status == status

    at_home(main, tmp_path, AFTER)


def test_names_of_the_settings(tmp_path: Path) -> None:
    """Numbers, clients and SIP addresses are looked up: a phone, `busy`, or a file that is said."""

    async def main(home: House) -> None:
        _, outcome = await home.call(
            '<Dial action="/one"><Sip>sip:desk@example.com</Sip></Dial>', patience_ms=60_000
        )
        said = read_wav(CALLER_WAV)
        assert sounding(outcome.heard).find(sounding(said)[160 * 5 : 160 * 50]) > 0
        assert home.app.forms("/one")[0]["DialCallStatus"] == "completed"
        await home.call('<Dial action="/two">+15550002222</Dial>')
        assert home.app.forms("/two")[0]["DialCallStatus"] == "busy"
        bob = home.has("bob", Handset(hangs_up=1))
        await home.call('<Dial action="/three"><Client>robert</Client></Dial>')
        assert home.app.forms("/three")[0]["DialCallStatus"] == "completed"
        assert len(bob.rung) == 1

    names = {
        "sip:desk@example.com": f"wav:{CALLER_WAV}",
        "+15550002222": "busy",
        "client:robert": "bob",
    }
    endings = dict.fromkeys(("/one", "/two", "/three"), "<Hangup/>")
    at_home(main, tmp_path, endings, phones=json.dumps(names))


@pytest.mark.parametrize("dialled", ["busy", "no-answer", f"wav:{CALLER_WAV}"])
def test_words_of_the_settings_are_no_names(tmp_path: Path, dialled: str) -> None:
    """What stands for nobody in particular does so as a value of the settings only: dialled, it is
    the name of a phone, which is not there, and no file is opened."""

    async def main(home: House) -> None:
        await home.call(f'<Dial action="/after"><Client>{dialled}</Client></Dial>')
        await home.call(f'<Dial action="/after"><Sip>sip:{dialled}</Sip></Dial>')
        assert [form["DialCallStatus"] for form in home.app.forms("/after")] == ["failed"] * 2
        assert home.service.exchange.directory.look_up(dialled) is None
        bob = home.has(dialled, Handset(hangs_up=1))
        await home.call(f'<Dial action="/after"><Client>{dialled}</Client></Dial>')
        assert len(bob.rung) == 1

    at_home(main, tmp_path, AFTER)


def test_a_tape_that_cannot_be_played(tmp_path: Path) -> None:
    """A phone whose file is not there, or no audio, or too large, fails; the call goes on."""
    wrong, large = tmp_path / "wrong.wav", tmp_path / "large.wav"
    wrong.write_text("no audio")
    with large.open("wb") as file:
        file.truncate(MAX_TAPE_BYTES + 1)

    async def main(home: House) -> None:
        for name in ("missing", "wrong", "large"):
            await home.call(f'<Dial action="/after"><Client>{name}</Client></Dial>')
        assert [form["DialCallStatus"] for form in home.app.forms("/after")] == ["failed"] * 3

    names = {
        f"client:{name}": f"wav:{tmp_path / name}.wav" for name in ("missing", "wrong", "large")
    }
    at_home(main, tmp_path, AFTER, phones=json.dumps(names))


def test_the_caller_gives_up_before_a_tape_is_read(tmp_path: Path) -> None:
    """A tape that is still being read when the caller hangs up never answers."""

    async def main(home: House) -> None:
        call = home.begin("<Dial><Client>tape</Client></Dial>")
        begun = await call.until("leg.began")
        call.hang_up()
        await call.over()
        leg = home.service.ended[begun["leg"]].call
        assert leg.status is CallStatus.CANCELED
        assert not [entry for entry in leg.timeline.entries if entry.kind == "call.answered"]

    at_home(main, tmp_path, phones=json.dumps({"client:tape": f"wav:{CALLER_WAV}"}))


async def test_a_tape_keeps_nothing() -> None:
    """A phone made of a file hears as long as it likes, and holds none of it in memory."""
    answered: asyncio.Future[Phone] = asyncio.get_running_loop().create_future()

    def answer(phone: Phone) -> Talk:
        answered.set_result(phone)
        return Talk(lambda key: None, lambda: None)

    Tape(Path(CALLER_WAV)).ring(Invitation("CA1", "a", "b", answer, lambda status: None))
    phone = await answered
    assert isinstance(phone, TapePhone)
    for _ in range(100):
        phone.say()
        phone.hear(b"\x33" * 160, expecting=True)
    assert phone.played_frames == 100
    assert not phone.heard


def test_all_at_once(tmp_path: Path) -> None:
    """All ring; the first to answer is connected, the others are hung up."""

    async def main(home: House) -> None:
        slow, quick = Handset(after=5), Handset(after=1, hangs_up=1)
        home.has("slow", slow), home.has("quick", quick)
        await home.call('<Dial action="/after"><Client>slow</Client><Client>quick</Client></Dial>')
        assert (len(slow.stopped), len(slow.tapes), len(quick.tapes)) == (1, 0, 1)
        after = home.app.forms("/after")[0]
        assert after["DialCallSid"] == quick.rung[0].call_sid

    at_home(main, tmp_path, AFTER)


def test_one_by_one(tmp_path: Path) -> None:
    """`sequential`: the next rings when the one before has not answered in time."""

    async def main(home: House) -> None:
        first, second = Handset(after=60), Handset(hangs_up=1)
        home.has("first", first), home.has("second", second)
        call = home.begin(
            '<Dial sequential="true" timeout="5" action="/after">'
            "<Client>first</Client><Client>second</Client></Dial>"
        )
        await call.until("leg.began")
        assert second.rung == []
        await call.over()
        assert (len(first.stopped), len(second.tapes)) == (1, 1)
        assert home.app.forms("/after")[0]["DialCallStatus"] == "completed"

    at_home(main, tmp_path, AFTER)


@pytest.mark.parametrize("accepts", [True, False])
def test_a_document_for_the_callee(tmp_path: Path, accepts: bool) -> None:
    """The noun's `url` runs on the callee's leg first; only if it does not hang up are the two
    connected, and the caller hears nothing of it."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset(CALLEE_SAYS, keys=((2.0, "1"),), hangs_up=5))
        call, outcome = await home.call(
            '<Dial action="/after"><Client url="/screen">bob</Client></Dial>', CALLER_SAYS
        )
        screen = home.app.forms("/screen")[0]
        assert (screen["CallSid"], screen["ParentCallSid"]) == (bob.rung[0].call_sid, call.sid)
        assert keys_heard(bob.heard)[:2] == "12"
        assert "1" not in keys_heard(outcome.heard)
        after = home.app.forms("/after")[0]
        assert after["DialCallStatus"] == ("completed" if accepts else "no-answer")
        assert ("call.connected" in call.kinds) is accepts
        assert home.app.forms("/chosen")[0]["Digits"] == "1"

    screen = '<Gather numDigits="1" action="/chosen"><Play digits="12"/></Gather>'
    chosen = "<Pause length='0'/>" if accepts else "<Hangup/>"
    at_home(main, tmp_path, {**AFTER, "/screen": screen, "/chosen": chosen})


def test_send_digits(tmp_path: Path) -> None:
    """`sendDigits` are heard by the callee before the two are connected, not by the caller."""

    async def main(home: House) -> None:
        bob = home.has("+15550001111", Handset(hangs_up=4))
        _, outcome = await home.call(
            '<Dial><Number sendDigits="ww12#">+15550001111</Number></Dial>', CALLER_SAYS
        )
        assert keys_heard(bob.heard) == "12#"
        assert keys_heard(outcome.heard) == ""

    at_home(main, tmp_path)


def test_send_digits_that_are_none(tmp_path: Path) -> None:
    """What no telephone has a key for is told on the timeline; the two are connected without it."""

    async def main(home: House) -> None:
        bob = home.has("+15550001111", Handset(CALLEE_SAYS, hangs_up=2))
        call, outcome = await home.call(
            '<Dial><Number sendDigits="12x">+15550001111</Number></Dial><Play digits="9"/>'
        )
        (skipped,) = call.told("verb.skipped")
        assert (skipped["verb"], skipped["line"]) == ("Number", 1)
        assert "'x'" in skipped["message"]
        assert keys_heard(bob.heard) == ""
        assert CALLEE_SAYS[:160] in outcome.heard
        assert keys_heard(outcome.heard)[-1:] == "9"

    at_home(main, tmp_path)


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [('timeLimit="2"', ()), ('hangupOnStar="true"', ((2.0, "*"),))],
)
def test_the_talk_is_ended(
    tmp_path: Path, attributes: str, keys: tuple[tuple[float, str], ...]
) -> None:
    """`timeLimit` or the caller's star ends the callee's call; the caller goes on."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset())
        call, _ = await home.call(
            f'<Dial {attributes} action="/after"><Client>bob</Client></Dial>', keys=keys
        )
        after = home.app.forms("/after")[0]
        assert (after["DialCallStatus"], after["DialCallDuration"]) == ("completed", "2")
        assert home.service.ended[bob.rung[0].call_sid].call.status is CallStatus.COMPLETED
        assert call.local.answered

    at_home(main, tmp_path, AFTER)


def test_answer_on_bridge(tmp_path: Path) -> None:
    """`answerOnBridge`: the caller's call is answered when the callee answers, not before."""

    async def main(home: House) -> None:
        home.has("bob", Handset(CALLEE_SAYS, after=5, hangs_up=2))
        call = home.begin('<Dial answerOnBridge="true"><Client>bob</Client></Dial>', CALLER_SAYS)
        await call.until("leg.began")
        assert call.live.call.status is CallStatus.RINGING
        outcome = await call.over()
        assert call.kinds.index("leg.answered") < call.kinds.index("call.answered")
        assert len(outcome.heard) == pytest.approx(2 * 8000, abs=800)
        busy, _ = await home.call('<Dial answerOnBridge="true"><Client>no</Client></Dial>')
        assert busy.live.answered_at is None

    at_home(main, tmp_path)


def test_a_redirected_callee_hears_the_caller_no_more(tmp_path: Path) -> None:
    """A callee that is given a document of its own hears that alone, and is heard by nobody."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset(CALLEE_SAYS))
        call = home.begin(
            '<Dial><Client>bob</Client></Dial><Pause length="2"/>', CALLER_SAYS, patience_ms=60_000
        )
        await call.until("call.connected")
        await asyncio.sleep(1)
        assert sounding(bob.heard) != b""
        leg = home.service.calls[bob.rung[0].call_sid]
        assert leg.control is not None
        own = parse(b'<Response><Pause length="1"/><Play digits="7"/></Response>')
        told, heard = len(bob.heard), len(call.local.heard)
        leg.control.replace(own)
        outcome = await call.over()
        assert keys_heard(bob.heard[told:]) == "7"
        assert sounding(bob.heard[told : told + 4000]) == b""
        assert sounding(outcome.heard[heard + 320 :]) == b""

    at_home(main, tmp_path)


def test_events_of_a_leg(tmp_path: Path) -> None:
    """A noun's callback is told what it asks for, in order, of the leg's own call."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset(after=1, hangs_up=2))
        call, _ = await home.call(
            '<Dial><Client statusCallback="/leg" statusCallbackEvent="initiated ringing answered'
            ' completed">bob</Client></Dial>'
        )
        await home.settle()
        told = home.app.forms("/leg")
        assert [form["CallStatus"] for form in told] == [
            "initiated",
            "ringing",
            "in-progress",
            "completed",
        ]
        assert [form["SequenceNumber"] for form in told] == list("0123")
        assert {form["ParentCallSid"] for form in told} == {call.sid}
        assert {form["CallSid"] for form in told} == {bob.rung[0].call_sid}
        assert told[-1]["CallDuration"] == "2"

    at_home(main, tmp_path)
