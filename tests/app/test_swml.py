"""SignalWire's SWML webhooks: calls that come in, and documents that follow."""

from __future__ import annotations

from typing import Any

import pytest

from app.webhooks.swml import MAX_TRANSFERS
from bridge.call import CallStatus
from tests.app.running import client_of, serving
from tests.app.swml import Case, case, steps_of, twiml
from tests.app.test_swmlcall import SID, body
from tests.support.peers import response
from tests.support.tokens import forged

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEG = "7f0c8d1e-0000-4000-8000-00000000abcd"
LEG_SID = "CA7f0c8d1e00004000800000000000abcd"


@pytest.mark.contract("S43")
async def test_the_first_webhook() -> None:
    """The app is asked with Twilio's parameters of the call, and those that the call has beside."""
    async with case("<Say>hi</Say>") as at:
        steps = await at.begin(headers=[{"name": "X-Ticket", "value": "9"}])
        assert [next(iter(step)) for step in steps] == ["answer", "play", "hangup"]
        (form,) = at.app.asked("/voice")
        assert form == {
            "CallSid": SID,
            "AccountSid": "ACb08dacad111122223333444455556666",
            "From": "+15550001111",
            "To": "+15550002222",
            "Caller": "+15550001111",
            "Called": "+15550002222",
            "CallStatus": "ringing",
            "ApiVersion": "2010-04-01",
            "Direction": "inbound",
            "SipHeader_X-Ticket": "9",
        }


@pytest.mark.contract("S43")
@pytest.mark.parametrize(("state", "status"), [("created", "ringing"), ("answered", "in-progress")])
async def test_where_the_call_stands(state: str, status: str) -> None:
    async with case("<Say>hi</Say>") as at:
        await at.begin(call_state=state)
        assert at.app.asked("/voice")[0]["CallStatus"] == status


@pytest.mark.contract("S42")
async def test_a_webhook_of_the_call_alone() -> None:
    """No variables, parameters or numbers: the call is taken, with the parties it has."""
    async with case("<Gather action='/next'/>") as at:
        answer = await at.client.post(
            "/signalwire/swml", json={"call": {"call_id": "c1", "from": "sip:a@b", "to": "sip:c@d"}}
        )
        assert answer.status_code == 200
        (form,) = at.app.asked("/voice")
        assert (form["From"], form["To"]) == ("sip:a@b", "sip:c@d")
        (transfer,) = steps_of(answer.json()["sections"]["main"], "transfer")
        answer = await at.client.post(transfer["dest"], json={"call": {"call_id": "c1"}})
        assert answer.status_code == 200


@pytest.mark.contract("S45")
async def test_content_types() -> None:
    """SWML is answered as JSON and cXML as XML, at the first webhook and after, come what may."""
    async with case("<Redirect>/next</Redirect>") as at:
        at.app.pages["/next"] = twiml("<Hangup/>")
        first = await at.client.post("/signalwire/swml", json=body())
        next_url = steps_of(first.json()["sections"]["main"], "transfer")[0]["dest"]
        second = await at.client.post(next_url, json=body())
        at.app.pages["/next"] = response(500)
        failed = await at.client.post(next_url, json=body())
        for answer in (first, second, failed):
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()["version"] == "1.0.0"
        form = {"CallSid": "other", "From": "+1", "To": "+2"}
        for answer in (
            await at.client.post("/signalwire/cxml", data=form),
            await at.client.post(next_url.replace("/swml/", "/cxml/"), data=form),
        ):
            assert answer.headers["content-type"].partition(";")[0] == "text/xml"
            assert answer.text.startswith("<?xml")


async def test_a_full_service_is_busy() -> None:
    """Beyond the limit a new call is hung up as busy, before it is answered; the first goes on."""
    async with case("<Redirect>/voice</Redirect>", max_calls=1) as at:
        (first,) = steps_of(await at.begin(), "transfer")
        assert await at.begin(call_id="another") == [{"hangup": {"reason": "busy"}}]
        assert steps_of(await at.follow(first["dest"]), "transfer")


def said(steps: list[dict[str, Any]]) -> str:
    """What an apology says; it answers the call, speaks and hangs up."""
    assert [next(iter(step)) for step in steps] == ["answer", "play", "hangup"]
    return str(steps[1]["play"]["url"])


async def test_an_unusable_document() -> None:
    """The caller hears an apology; the timeline says why, and at which line."""
    async with case("<Say>unclosed") as at:
        assert said(await at.begin()).startswith("say:Sorry, an application error")
        (finding,) = at.noted("twiml.diagnostic")
        assert (finding["level"], finding["code"]) == ("error", 12100)
        (apology,) = at.noted("call.apology")
        assert apology["code"] == 12100


async def test_a_number_without_an_app() -> None:
    """No app is set, and it is not a laptop: an apology, with what to set."""
    public = "https://bridge.example.com"
    async with (
        serving(local=False, public_url=public, auth_token="t") as server,
        client_of(server) as client,
    ):
        answer = await client.post("/signalwire/swml", json=body())
        assert said(answer.json()["sections"]["main"]).startswith("say:Sorry")
        (apology,) = server.service.calls[SID].call.timeline.errors
        assert "TWIML_BRIDGE_VOICE_URL" in apology.data["advice"]


async def test_in_local_mode_the_example_agent_answers() -> None:
    async with serving() as server, client_of(server) as client:
        answer = await client.post("/signalwire/swml", json=body())
        (connect,) = steps_of(answer.json()["sections"]["main"], "connect")
        assert connect["to"].startswith("stream:ws")


# Documents that follow


async def test_digits() -> None:
    """The action is asked with what was entered; its document is translated in turn."""
    async with case('<Gather action="/digits" finishOnKey="*"/>') as at:
        at.app.pages["/digits"] = twiml("<Say>thanks</Say>")
        (transfer,) = steps_of(await at.begin(), "transfer")
        answer = await at.client.post(
            transfer["dest"],
            json=body(call_state="answered")
            | {
                "vars": {
                    "prompt_result": "match_digits",
                    "prompt_value": "12#*",
                    "prompt_digit_terminator": "*",
                }
            },
        )
        assert steps_of(answer.json()["sections"]["main"], "play") == [{"url": "say:thanks"}]
        (form,) = at.app.asked("/digits")
        assert (form["Digits"], form["CallStatus"]) == ("12#", "in-progress")
        assert at.live.call.status is CallStatus.IN_PROGRESS


async def test_tokens_of_other_kinds_open_nothing() -> None:
    """Neither a report's token nor a forged one brings a document."""
    async with case('<Record recordingStatusCallback="{app}/told" action="/voice"/>') as at:
        (record,) = steps_of(steps := await at.begin(), "record")
        (transfer,) = steps_of(steps, "transfer")
        event, document = (
            url.rpartition("/")[2] for url in (record["status_url"], transfer["dest"])
        )
        for path in (f"swml/{event}", f"event/{document}", f"swml/{forged(document)}", "swml/x"):
            answer = await at.client.post(f"/signalwire/{path}", json=body())
            assert answer.status_code == 404, path
        assert len(at.app.requests) == 1


async def test_a_whisper_says_nothing_of_the_call() -> None:
    """What is known of the caller's leg alone, such as its SIP headers, is left out."""
    async with case('<Dial><Number url="/whisper">+15550003333</Number></Dial>') as at:
        at.app.pages["/whisper"] = twiml("<Say>a call</Say>")
        steps = await at.begin(
            headers=[{"name": "X-Ticket", "value": "9"}], parent={"call_id": "above"}
        )
        (first,) = at.app.asked("/voice")
        assert first["SipHeader_X-Ticket"] == "9"
        (connect,) = steps_of(steps, "connect")
        await at.follow(connect["confirm"], call_id=LEG, direction="outbound")
        (form,) = at.app.asked("/whisper")
        assert (form["CallSid"], form["ParentCallSid"]) == (LEG_SID, SID)
        assert not [name for name in form if name.startswith("SipHeader_")]


async def test_a_whisper() -> None:
    """The dialled party's document is asked for as its own leg's, and ends without hanging up."""
    async with case('<Dial><Number url="/whisper">+15550003333</Number></Dial>') as at:
        at.app.pages["/whisper"] = twiml("<Say>a call</Say><Gather action='/accept'/>")
        (confirm,) = steps_of(await at.begin(), "confirm")
        about = {"call_id": LEG, "call_state": "answered", "to_number": "+15550003333"}
        steps = await at.follow(confirm, **about)
        (form,) = at.app.asked("/whisper")
        assert (form["CallSid"], form["ParentCallSid"]) == (LEG_SID, SID)
        assert (form["To"], form["Direction"]) == ("+15550003333", "outbound-dial")
        assert not steps_of(steps, "hangup")
        assert not steps_of(steps, "answer")
        # What follows it is heard aside too, and the call itself stands where it stood.
        at.app.pages["/accept"] = twiml("<Say>thanks</Say>")
        (transfer,) = steps_of(steps, "transfer")
        assert not steps_of(await at.follow(transfer["dest"], **about), "hangup")
        assert at.live.call.status is CallStatus.RINGING


async def test_music_that_fails_is_silence() -> None:
    """Who waits in a queue is not thrown out because the music cannot be had."""
    async with case('<Enqueue waitUrl="/music">q</Enqueue>') as at:
        at.app.pages["/music"] = response(500)
        (wait_url,) = steps_of(await at.begin(), "wait_url")
        assert await at.follow(wait_url) == [{"play": {"url": "silence:10"}}]
        assert at.noted("call.apology")
        at.app.pages["/music"] = twiml("<Say>la la</Say>")
        assert await at.follow(wait_url) == [{"play": {"url": "say:la la"}}]


async def test_the_number_of_documents_is_watched() -> None:
    """SignalWire follows 32 transfers in a call: from the thirtieth on the timeline says so."""
    async with case("<Redirect>/voice</Redirect>") as at:
        steps = await at.begin()
        for number in range(1, MAX_TRANSFERS + 1):
            assert len(at.noted("call.transfers")) == max(0, number - 30)
            steps = await at.follow(steps_of(steps, "transfer")[0]["dest"])
        assert [entry["level"] for entry in at.noted("call.transfers")] == ["warning"] * 3
        assert "0 more are possible" in at.noted("call.transfers")[-1]["message"]
        assert at.noted("call.transfers")[0]["limit"] == MAX_TRANSFERS


async def test_documents_aside_are_no_transfers() -> None:
    """Music that is asked for again and again does not count."""
    async with case('<Enqueue waitUrl="/music">q</Enqueue>') as at:
        at.app.pages["/music"] = twiml("<Say>la la</Say>")
        (wait_url,) = steps_of(await at.begin(), "wait_url")
        for _ in range(40):
            await at.follow(wait_url)
        assert not at.noted("call.transfers")


async def test_a_document_too_large_to_send() -> None:
    async with case("<Say>" + "x" * 300 + "</Say>" + "<Pause/>" * 3_900) as at:
        assert said(await at.begin()).startswith("say:Sorry")
        assert at.noted("call.apology")[0]["code"] == 11750


async def test_losses_are_on_the_timeline() -> None:
    async with case("<Leave/><Say>hi</Say>") as at:
        await at.begin()
        (loss,) = at.noted("translation.loss")
        assert loss["level"] == "warning"
        assert "<Leave>" in loss["message"]


@pytest.mark.parametrize("dialect", ["full", "strict"])
@pytest.mark.parametrize("verb", ["Start", "Connect"])
async def test_a_refused_stream_is_reported_when_it_is_due(verb: str, dialect: str) -> None:
    """A stream that never reaches SignalWire for a fault of its own: nothing is told while the
    caller is still asked; once the document comes to it, its error is, and only once."""
    async with case(
        f'<Gather action="/g"/><{verb}><Stream url="ftp://x.example/" '
        f'statusCallback="{{app}}/told"/></{verb}><Say>hi</Say>',
        swml_dialect=dialect,
    ) as at:
        steps = await at.begin()
        assert [next(iter(step)) for step in steps] == [
            *("answer", "prompt", "cond", "request", "play", "hangup")
        ]
        assert await at.told() == []
        request = steps[3]["request"]
        for _ in range(2):
            answer = await at.client.request(
                request["method"], request["url"], json=request["body"], headers=request["headers"]
            )
            assert answer.status_code == 204
        forms = await at.told()
        assert [form["StreamEvent"] for form in forms] == ["stream-error", "stream-stopped"]
        assert forms[0]["StreamError"].startswith("31922 ")


# The end of a call


async def test_a_call_that_asks_after_its_end() -> None:
    """A webhook of an ended call ends it here too; its app is asked all the same."""
    async with case("<Redirect>/voice</Redirect>") as at:
        (transfer,) = steps_of(await at.begin(), "transfer")
        await at.follow(transfer["dest"], call_state="ended")
        assert SID in at.service.ended
        assert [form["CallStatus"] for form in at.app.asked("/voice")] == ["ringing", "completed"]
        assert [form["CallStatus"] for form in await at.told("/status")] == ["completed"]


def ago(at: Case, seconds: float) -> None:
    at.live.last_seen -= seconds


@pytest.mark.parametrize(
    ("voice", "left", "silent", "over"),
    [
        ("<Say>hi</Say>", False, 890, False),
        ("<Say>hi</Say>", False, 910, True),
        ("<Say>hi</Say>", True, 50, False),
        ("<Say>hi</Say>", True, 70, True),
        ("<Dial>+15550003333</Dial>", False, 9_000, False),
        ("<Dial>+15550003333</Dial>", True, 9_000, False),
        ("<Enqueue>q</Enqueue>", False, 9_000, False),
        ("<Record action='/voice'/>", False, 3_000, False),
        ("<Pause length='3000'/>", False, 2_900, False),
        ("<Connect><Room>r</Room></Connect>", False, 9_000, False),
        ("<Pause length='9'/>", False, 910, True),
    ],
)
async def test_a_silent_call(voice: str, left: bool, silent: float, over: bool) -> None:
    """Nobody reports the end of a SWML call: it is over when it is silent for too long, which is
    sooner when SignalWire has ended its stream, and never while it may rightly be silent."""
    async with case(voice) as at:
        await at.begin(call_state="answered")
        at.live.left = left
        ago(at, silent)
        at.service.sweep()
        assert (SID in at.service.ended) is over


async def test_the_numbers_callback_is_told_of_an_end_that_was_guessed() -> None:
    """As it would have been by SignalWire for a cXML call; once."""
    async with case("<Say>hi</Say>") as at:
        await at.begin(call_state="answered")
        ago(at, 910)
        at.service.sweep()
        at.service.sweep()
        (form,) = await at.told("/status")
        assert (form["CallSid"], form["CallStatus"]) == (SID, "completed")
        assert form["CallDuration"] == "0"
        assert at.noted("call.ended")[0]["reason"] == "no sign of life"


async def test_a_call_that_was_taken_for_over_by_mistake() -> None:
    """It goes on when SignalWire asks for its next document."""
    async with case("<Redirect>/voice</Redirect>") as at:
        (transfer,) = steps_of(await at.begin(call_state="answered"), "transfer")
        ago(at, 910)
        at.service.sweep()
        assert SID in at.service.ended
        await at.follow(transfer["dest"], call_state="answered")
        assert at.live.call.status is CallStatus.IN_PROGRESS
        assert at.noted("call.resumed")


async def test_cxml_calls_are_not_guessed_at() -> None:
    """SignalWire reports their end: silence means nothing."""
    async with case("<Say>hi</Say>") as at:
        form = {"CallSid": body()["call"]["call_id"], "From": "+1", "To": "+2"}
        assert (await at.client.post("/signalwire/cxml", data=form)).status_code == 200
        ago(at, 9_000)
        at.service.sweep()
        assert SID in at.service.calls


async def test_no_call_is_resumed_by_one_who_is_not_it() -> None:
    """A dialled leg that asks for its whisper does not bring an ended call back."""
    async with case('<Dial><Number url="/whisper">+15550003333</Number></Dial>') as at:
        at.app.pages["/whisper"] = twiml("<Say>a call</Say>")
        (confirm,) = steps_of(await at.begin(), "confirm")
        at.service.conclude(SID, "ended")
        await at.follow(confirm, call_id=LEG)
        assert SID in at.service.ended
