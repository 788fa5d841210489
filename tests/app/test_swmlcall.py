"""A SWML webhook's JSON in Twilio's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.webhooks.swmlcall import as_text, number, of_leg, read_call
from bridge.call import CallStatus, Parties

UUID = "5F0C8D1E-0000-4000-8000-00000000ABCD"
SID = "CA5f0c8d1e00004000800000000000abcd"
PARENT = "6f0c8d1e-0000-4000-8000-00000000abcd"
PARENT_SID = "CA6f0c8d1e00004000800000000000abcd"


def body(**call: Any) -> dict[str, Any]:
    """A webhook as documented, with some of the call's members given."""
    known = {
        "call_id": UUID,
        "node_id": "n",
        "segment_id": "s",
        "call_state": "created",
        "direction": "inbound",
        "type": "phone",
        "from": "+15550001111",
        "to": "+15550002222",
        "from_number": "+15550001111",
        "to_number": "+15550002222",
        "headers": [],
        "project_id": "b08dacad-1111-2222-3333-444455556666",
    }
    return {"call": known | call, "vars": {}, "envs": {}, "params": {}}


@pytest.mark.contract("S43")
def test_a_call() -> None:
    """Its sid is Twilio's form of the id; parties, direction and project are taken over."""
    call = read_call(body())
    assert call is not None
    assert call.sid == SID
    assert call.project_id == "b08dacad-1111-2222-3333-444455556666"
    assert call.parties == Parties("+15550001111", "+15550002222", "inbound")
    assert (call.extra, call.variables) == ((), {})


@pytest.mark.contract("S43")
@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("created", CallStatus.RINGING),
        ("ringing", CallStatus.RINGING),
        ("answered", CallStatus.IN_PROGRESS),
        ("ending", CallStatus.COMPLETED),
        ("ended", CallStatus.COMPLETED),
        ("", CallStatus.RINGING),
        ("unheard-of", CallStatus.RINGING),
        (7, CallStatus.RINGING),
    ],
)
def test_call_state(state: object, status: CallStatus) -> None:
    """Each of SignalWire's words for a call's state is one of Twilio's."""
    call = read_call(body(call_state=state))
    assert call is not None
    assert call.status is status


@pytest.mark.contract("S42")
@pytest.mark.parametrize("missing", [("vars",), ("params",), ("envs",), ("vars", "envs", "params")])
def test_what_may_be_missing(missing: tuple[str, ...]) -> None:
    """A call without variables is a call; so is one whose variables are something else."""
    whole = body()
    for changed in (
        {name: value for name, value in whole.items() if name not in missing},
        whole | dict.fromkeys(missing),
        whole | {name: [1] for name in missing},
    ):
        call = read_call(changed)
        assert call is not None
        assert call.sid == SID
        assert call.variables == {}


@pytest.mark.contract("S42")
@pytest.mark.parametrize("absent", [None, "", [], {}])
def test_from_number_falls_back_to_from(absent: object) -> None:
    """SIP calls and browsers have no `from_number`; what they have is used."""
    call = read_call(
        body(
            type="sip",
            from_number=absent,
            to_number=absent,
            **{"from": "sip:a@x.example", "to": "sip:b@y.example"},
        )
    )
    assert call is not None
    assert call.parties == Parties("sip:a@x.example", "sip:b@y.example", "inbound")


def test_an_outbound_call() -> None:
    """SignalWire's `outbound` is Twilio's `outbound-api`."""
    call = read_call(body(direction="outbound"))
    assert call is not None
    assert call.parties.direction == "outbound-api"


def test_what_the_first_webhook_says_beside() -> None:
    """The call that dialled this one, and the INVITE's own headers."""
    call = read_call(
        body(
            parent={"device_type": "phone", "call_id": PARENT},
            headers=[
                {"name": "X-Account", "value": "1"},
                {"name": "x-lower", "value": "2"},
                {"name": "Via", "value": "3"},
                {"name": "X-Nothing"},
                {"value": "4"},
                "X-Text",
            ],
        )
    )
    assert call is not None
    assert call.extra == (
        ("ParentCallSid", PARENT_SID),
        ("SipHeader_X-Account", "1"),
        ("SipHeader_x-lower", "2"),
        ("SipHeader_X-Nothing", ""),
    )


def test_a_leg() -> None:
    """A dialled leg's own call, parties and state, beside the call that dialled it."""
    call = read_call(body(call_state="answered", direction="outbound"))
    assert call is not None
    assert of_leg(call, PARENT_SID) == (
        ("CallSid", SID),
        ("From", "+15550001111"),
        ("To", "+15550002222"),
        ("Direction", "outbound-dial"),
        ("CallStatus", "in-progress"),
        ("ParentCallSid", PARENT_SID),
    )


def test_variables_are_text() -> None:
    """Whatever a script has set is as a form would have it; structures are left empty."""
    whole = body() | {
        "vars": {"a": 1, "b": 0.5, "c": True, "d": "x", "e": None, "f": [1], "g": {"h": 1}}
    }
    call = read_call(whole)
    assert call is not None
    assert call.variables == {
        "a": "1",
        "b": "0.5",
        "c": "true",
        "d": "x",
        "e": "",
        "f": "",
        "g": "",
    }


@pytest.mark.parametrize(
    "whole",
    [
        {},
        {"call": {}},
        {"call": None},
        {"call": "5f0c"},
        {"call": {"call_id": ""}},
        {"call": {"call_id": None}},
        {"call": {"call_id": [UUID]}},
        {"call_id": UUID},
    ],
)
def test_a_webhook_about_no_call(whole: dict[str, Any]) -> None:
    assert read_call(whole) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
MEMBERS = st.sampled_from([*sorted(body()["call"]), "parent", "peer"])


@given(st.dictionaries(MEMBERS, JSON), JSON)
def test_any_json_is_read_without_harm(call: dict[str, Any], variables: Any) -> None:
    """Whatever types the members have, the call is read or is none."""
    found = read_call({"call": call, "vars": variables})
    assert (found is not None) == bool(as_text(call.get("call_id")))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7.0),
        ("7.5", 7.5),
        (" 7 ", 7.0),
        (-1, -1.0),
        ("", None),
        ("seven", None),
        (None, None),
        (True, None),
        ([7], None),
        ("nan", None),
        ("inf", None),
        (1e300, None),
    ],
)
def test_numbers(value: object, expected: float | None) -> None:
    """A number, or digits that spell one; nothing that could not be a time or a length."""
    assert number({"x": value}, "x") == expected
