"""What a caller hears when there is no document to go on with; by its samples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.cli.call import begin_local_call
from app.localcall import LocalCall, Phone
from bridge.call import Parties
from tests.app.calls.house import Call, House, at_home, sounding
from tests.app.running import CALLED, CALLER
from tests.support.sound import frames_of, spoken
from twiml.apology import APOLOGY

SORRY = sounding(b"".join(frames_of(spoken(APOLOGY))))
GONE = 500


def apologised(call: Call, heard: bytes) -> None:
    """The caller has heard the apology, all of it, and the call was completed by its end."""
    assert len(SORRY) > 8000
    assert sounding(heard) == SORRY
    assert call.live.call.status.value == "completed"
    assert len(call.told("call.answered")) == 1
    assert [entry["reason"] for entry in call.told("script.ended")] == ["fetch-failed"]
    assert [entry["by"] for entry in call.told("call.hung_up")] == ["document"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/", 11205),
        ("ftp://x/", 11210),
        ("http://[::1/x", 11210),
        ("/gone", 11200),
    ],
)
def test_a_redirect_that_leads_nowhere(tmp_path: Path, url: str, code: int) -> None:
    """A next document that cannot be had ends the call so; the timeline says why."""

    async def main(home: House) -> None:
        call, outcome = await home.call(f"<Redirect>{url}</Redirect><Play digits='1'/>")
        apologised(call, outcome.heard)
        assert [failed["code"] for failed in call.told("webhook.failed")] == [code]

    at_home(main, tmp_path, {"/gone": GONE})


def test_a_next_document_that_cannot_be_used(tmp_path: Path) -> None:
    """One that is not TwiML counts as none; once the call is answered it is not answered again."""

    async def main(home: House) -> None:
        call, outcome = await home.call('<Gather timeout="1"/><Redirect>/broken</Redirect>')
        apologised(call, outcome.heard)
        assert [found["code"] for found in call.told("twiml.diagnostic")] == [12100]

    at_home(main, tmp_path, {"/broken": "&"})


def test_no_document_at_all(tmp_path: Path) -> None:
    """The app has none to begin with: the outcome says why, and the caller hears the apology."""

    async def main(home: House) -> None:
        live = begin_local_call(home.service, Parties(CALLER, CALLED))
        local = LocalCall(home.service, live, Phone(b"", 3_600_000))
        calling = asyncio.create_task(local.run(home.app.url("/gone")))
        outcome = await calling
        assert outcome.error is not None
        assert outcome.error.code == 11200
        apologised(Call(live, local, calling), outcome.heard)

    at_home(main, tmp_path, {"/gone": GONE})


def test_a_call_that_is_sent_nowhere_by_rest(tmp_path: Path) -> None:
    """What runs is cut short by the apology."""

    async def main(home: House) -> None:
        call = home.begin('<Gather timeout="600"/>')
        await call.until("call.answered")
        assert call.live.control is not None
        call.live.control.redirect(home.app.url("/gone"), "POST")
        outcome = await call.over()
        apologised(call, outcome.heard)

    at_home(main, tmp_path, {"/gone": GONE})


def test_the_app_may_mend_it_meanwhile(tmp_path: Path) -> None:
    """Another document cuts the apology short."""

    async def main(home: House) -> None:
        call = home.begin("<Redirect>/gone</Redirect>")
        await call.until("prompt.began")
        assert call.live.control is not None
        call.live.control.redirect(home.app.url("/next"), "POST")
        await call.over()
        assert [entry["reason"] for entry in call.told("script.ended")] == ["hangup"]

    at_home(main, tmp_path, {"/gone": GONE, "/next": "<Hangup/>"})
