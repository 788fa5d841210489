"""What is kept of SignalWire's events, in whatever order and however often they come."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.facts import MAX_KEPT, MAX_SEEN, Bounded, Facts, Span
from app.webhooks.swmlevents import Event, note, read_event
from tests.app.test_swmlcall import JSON

UUID = "5f0c8d1e-0000-4000-8000-00000000abcd"
HEARD = 5_000.0


def read(kind: str, at: float = 1.0, **params: Any) -> Event:
    return read_event({"event_type": kind, "timestamp": at, "params": params}, HEARD)


def connect(state: str, at: float, peer: str = "", reason: str = "") -> Event:
    return read(
        "calling.call.connect",
        at,
        connect_state=state,
        failed_reason=reason,
        peer={"call_id": peer},
    )


def leg(state: str, at: float, call_id: str, reason: str = "") -> Event:
    return read("calling.call.state", at, call_id=call_id, call_state=state, end_reason=reason)


def kept(*events: Event, facts: Facts | None = None) -> Facts:
    facts = facts or Facts()
    for event in events:
        note(facts, event, HEARD)
    return facts


# Reading


def test_an_event() -> None:
    event = read("calling.call.state", 12.5, call_id=UUID, call_state="ended")
    assert (event.kind, event.at, event.state) == ("calling.call.state", 12.5, "ended")
    assert event.call_sid == "CA5f0c8d1e00004000800000000000abcd"
    assert event.ends(event.call_sid)
    assert not event.ends("CA" + "0" * 32)
    assert not read("calling.call.stream", call_id=UUID, state="ended").ends(event.call_sid)


@pytest.mark.parametrize("at", [None, "", "soon", 0, -1, 1e12, True, [1]])
def test_an_event_without_a_time_has_happened_now(at: object) -> None:
    event = read_event({"event_type": "x", "timestamp": at}, HEARD)
    assert (event.at, event.state, event.call_sid) == (HEARD, "", "")


@given(JSON, JSON, st.dictionaries(st.text(), JSON))
def test_any_json_is_noted_without_harm(kind: Any, at: Any, params: dict[str, Any]) -> None:
    """Whatever an event is made of."""
    for name in ("calling.call.state", "calling.call.connect", "calling.call.record", kind):
        kept(read_event({"event_type": name, "timestamp": at, "params": params}, HEARD))


NAMES = st.sampled_from(
    [
        *("call_id", "call_state", "connect_state", "state", "status", "peer", "failed_reason"),
        *("end_reason", "control_id", "duration", "url", "recording_id", "id", "position"),
        *("enqueue_ts", "dequeue_ts", "leave_ts", "size", "avg_time"),
    ]
)
KINDS = st.sampled_from(["state", "connect", "record", "queue"])


@given(KINDS, st.dictionaries(NAMES, JSON))
def test_known_names_with_any_value_do_no_harm(kind: str, params: dict[str, Any]) -> None:
    kept(read(f"calling.call.{kind}", **params))


# Who was dialled

TALK = (
    connect("connecting", 10.0, "a"),
    connect("connected", 15.0, "a"),
    connect("disconnected", 76.5, "a"),
)


@pytest.mark.parametrize("order", list(permutations(TALK)))
def test_a_talk_in_any_order(order: tuple[Event, ...]) -> None:
    """Late and early, each report has its own time: the length is the same."""
    dialled = kept(*order).dialled
    assert dialled is not None
    assert (dialled.peer_id, dialled.over) == ("a", True)
    assert dialled.talk.seconds(0.0) == 61


def test_a_talk_that_goes_on() -> None:
    """Without the end, it lasts until now by our own clock."""
    dialled = kept(*TALK[:2]).dialled
    assert dialled is not None
    assert dialled.talk.seconds(HEARD + 7.9) == 7
    assert not dialled.over


@pytest.mark.parametrize("missing", range(3))
def test_a_report_that_is_lost(missing: int) -> None:
    """What the others tell is kept."""
    dialled = kept(*(event for at, event in enumerate(TALK) if at != missing)).dialled
    assert dialled is not None
    assert dialled.peer_id == "a"
    if missing != 1:
        assert dialled.talk.began_at == 15.0


def test_of_several_who_ring_the_one_who_answers() -> None:
    """Whether SignalWire tells by connect events or by those of the legs."""
    by_connect = kept(
        connect("connecting", 1.0, "a"),
        connect("connecting", 1.0, "b"),
        leg("ended", 2.0, "a", "no_answer"),
        connect("connected", 3.0, "b"),
        leg("ended", 3.0, "c", "cancel"),
    )
    by_legs = kept(
        leg("ended", 2.0, "a", "no_answer"),
        leg("answered", 3.0, "b"),
        leg("ended", 3.0, "c", "cancel"),
    )
    for facts in (by_connect, by_legs):
        assert facts.dialled is not None
        assert facts.dialled.peer_id == "b"
        assert facts.dialled.talk.began_at == 3.0
        assert not facts.dialled.over


def test_nobody_answers() -> None:
    dialled = kept(
        connect("connecting", 1.0, "a"), connect("failed", 30.0, "a", "no_answer")
    ).dialled
    assert dialled is not None
    assert (dialled.peer_id, dialled.failed_reason) == ("a", "no_answer")
    assert dialled.talk.seconds(HEARD) is None
    assert dialled.over


@pytest.mark.parametrize("peer", ["b", ""])
def test_a_second_attempt(peer: str) -> None:
    """It takes the place of the first, which late reports do not bring back."""
    facts = kept(*TALK)
    kept(connect("connecting", 80.0, peer), facts=facts)
    assert facts.dialled is not None
    assert (facts.dialled.peer_id, facts.dialled.over) == (peer, False)
    kept(connect("connected", 85.0, "b"), connect("disconnected", 76.5, "a"), facts=facts)
    assert (facts.dialled.peer_id, facts.dialled.over) == ("b", False)
    assert facts.dialled.talk.began_at == 85.0
    kept(connect("disconnected", 90.0, "b"), facts=facts)
    assert facts.dialled.talk.seconds(0.0) == 5


def test_the_same_party_twice_in_a_row_by_legs_alone() -> None:
    """In the strict dialect only the legs tell: each is an attempt of its own."""
    facts = kept(leg("answered", 1.0, "a"), leg("ended", 4.0, "a", "hangup"))
    assert facts.dialled is not None
    assert facts.dialled.talk.seconds(0.0) == 3
    kept(leg("ended", 9.0, "b", "busy"), facts=facts)
    assert (facts.dialled.peer_id, facts.dialled.over) == ("b", True)
    assert facts.dialled.talk.seconds(0.0) is None
    assert facts.legs["b"].end_reason == "busy"


def test_what_says_nothing_new_of_a_leg() -> None:
    """A state that is repeated, or that a later one has overtaken, is not told again."""
    facts = Facts()
    told = [
        note(facts, leg(state, 1.0, "a"), HEARD)
        for state in ("created", "created", "answered", "ringing", "answered", "ended", "ended")
    ]
    assert told == [True, False, True, False, False, True, False]
    assert not note(facts, leg("unheard-of", 1.0, "a"), HEARD)
    assert not note(facts, leg("ended", 1.0, ""), HEARD)


# Recordings, queues, transfers


def test_a_recording() -> None:
    facts = kept(
        read("calling.call.record", 10.0, control_id="r", state="recording"),
        read("calling.call.record", 20.0, control_id="r", state="paused"),
        read(
            "calling.call.record",
            30.0,
            control_id="r",
            state="finished",
            url="u",
            duration=17.8,
            recording_id=UUID,
        ),
    )
    recorded = facts.recording("u", 0.0)
    assert recorded is not None
    assert (recorded.recording_id, recorded.seconds, recorded.finished) == (UUID, 17, True)
    again = read("calling.call.record", 40.0, control_id="r", state="finished", duration=99)
    assert not note(facts, again, HEARD)
    assert recorded.seconds == 17


def test_recordings_are_told_apart() -> None:
    """By URL; while there is none yet, the latest that began since the verb did."""
    facts = kept(
        read("calling.call.record", control_id="1", state="finished", url="u"),
        read("calling.call.record", control_id="2", state="recording"),
    )
    assert facts.recording("u", HEARD) is facts.recordings["1"]
    assert facts.recording("v", HEARD) is facts.recordings["2"]
    assert facts.recording("v", HEARD + 1) is None


def queue(status: str, at: float = 1.0, **more: Any) -> Event:
    return read("calling.call.queue", at, status=status, id=UUID, **more)


@pytest.mark.parametrize(
    ("events", "result", "seconds"),
    [
        ([queue("enqueue", 10.0), queue("dequeue", 52.0)], "connected", 42),
        ([queue("enqueue", 10.0), queue("leave", 13.0)], "leaving", 3),
        ([queue("enqueue", 10.0), queue("dequeue", 52.0), queue("leave", 60.0)], "connected", 42),
        ([queue("dequeue", 52.0)], "connected", None),
        (
            [queue("dequeue", 99.0, enqueue_ts=10_000_000, dequeue_ts=52_500_000)],
            "connected",
            42,
        ),
        ([queue("enqueue", 10.0)], "", 7),
    ],
)
def test_a_wait(events: list[Event], result: str, seconds: int | None) -> None:
    """How it ended and how long it was, from the queue's own times where there are any."""
    queued = kept(*events).queued
    assert queued is not None
    assert (queued.queue_id, queued.result) == (UUID, result)
    assert queued.wait.seconds(HEARD + 7) == seconds


def test_a_second_wait() -> None:
    """To enter a queue again begins anew."""
    facts = kept(
        queue("enqueue", 1.0, position=3),
        queue("dequeue", 2.0),
        queue("enqueue", 9.0, position=1),
    )
    assert facts.queued is not None
    assert (facts.queued.result, facts.queued.position) == ("", 1)
    assert facts.queued.wait.began_at == 9.0


# Bounds


def test_memory_is_bounded() -> None:
    """However many legs, recordings and events a call has, the last ones are known."""
    facts = Facts()
    for number in range(3 * MAX_KEPT):
        note(facts, leg("answered", number, f"leg{number}"), HEARD)
        record = read("calling.call.record", control_id=f"r{number}", state="recording")
        note(facts, record, HEARD)
    assert len(facts.legs) == len(facts.recordings) == MAX_KEPT
    assert f"leg{3 * MAX_KEPT - 1}" in facts.legs
    for number in range(2 * MAX_SEEN):
        assert facts.is_new(b"%d" % number)
    assert not facts.is_new(b"%d" % (2 * MAX_SEEN - 1))
    assert facts.is_new(b"0")


def test_a_bounded_dictionary_forgets_the_oldest() -> None:
    known: Bounded[str, int] = Bounded(2)
    for number, key in enumerate("abac"):
        known[key] = number
    assert known == {"b": 1, "c": 3}


def test_a_span() -> None:
    """What is known of a time is not overwritten, and nothing lasts less than no time."""
    span = Span()
    assert span.seconds(9.0) is None
    span.begin(10.0, 100.0)
    span.begin(11.0, 101.0)
    assert span.seconds(103.9) == 3
    span.end(9.0)
    span.end(50.0)
    assert span.seconds(999.0) == 0
