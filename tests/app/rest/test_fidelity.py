"""Twilio's own library as the list of what there is: every parameter that it sends is taken or
refused, every member of an answer that it reads is given. A new one in a later version fails."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from twilio.base.values import unset
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance
from twilio.rest.api.v2010.account.call.recording import RecordingInstance as OfCall
from twilio.rest.api.v2010.account.call.stream import StreamInstance
from twilio.rest.api.v2010.account.conference import ConferenceInstance
from twilio.rest.api.v2010.account.conference.participant import ParticipantInstance
from twilio.rest.api.v2010.account.conference.recording import RecordingInstance as OfConference
from twilio.rest.api.v2010.account.recording import RecordingInstance

from app.store.records import CallRecord, ConferenceRecord, ParticipantRecord, RecordingRecord
from tests.app.rest.noting import AUTH, CALL, RECORDING, ROOM, door
from tests.app.rest.twilio_client import ACCOUNT, Twilio, local_call
from tests.app.running import client_of, serving
from tests.support.peers import consumer

URL, OTHER = "https://a.example/x", "https://a.example/y"


@dataclass(frozen=True)
class Taken:
    """It makes a difference: with this value, and the other parameters, another thing is asked."""

    value: str
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """Twilio's number for it."""

    number: int = 20001


@dataclass(frozen=True)
class Moot:
    """What it asks for is so whichever of these values it has; another is refused."""

    values: tuple[str, ...]


Row = Taken | Refused | Moot
RECORDED = {"Record": "true"}
TOLD = {"RecordingStatusCallback": URL, "Record": "true"}
DETECTED = {"MachineDetection": "Enable"}

MADE: dict[str, Row] = {
    "To": Taken("+3"),
    "From": Taken("+4"),
    "CallerId": Taken("+5"),
    "StatusCallback": Taken(OTHER),
    "StatusCallbackMethod": Taken("GET", {"StatusCallback": URL}),
    "StatusCallbackEvent": Taken("ringing", {"StatusCallback": URL}),
    "Timeout": Taken("7"),
    "TimeLimit": Taken("70"),
    "Record": Taken("true"),
    "RecordingChannels": Taken("dual", RECORDED),
    "RecordingTrack": Taken("inbound", RECORDED),
    "RecordingStatusCallback": Taken(OTHER, RECORDED),
    "RecordingStatusCallbackMethod": Taken("GET", TOLD),
    "RecordingStatusCallbackEvent": Taken("in-progress", TOLD),
    "RecordingConfigurationId": Refused(),
    "Trim": Taken("do-not-trim", RECORDED),
    "SipAuthUsername": Taken("me"),
    "SipAuthPassword": Taken("secret"),
    "MachineDetection": Taken("Enable"),
    "MachineDetectionTimeout": Taken("9", DETECTED),
    "MachineDetectionSpeechThreshold": Taken("3000", DETECTED),
    "MachineDetectionSpeechEndThreshold": Taken("900", DETECTED),
    "MachineDetectionSilenceTimeout": Taken("3000", DETECTED),
    "Byoc": Refused(),
    "CallReason": Refused(),
    "CallToken": Refused(),
    "Passports": Refused(),
    "ClientNotificationUrl": Refused(),
}
"""What calls and participants have in common."""

RECORDING_CHANGE: dict[str, Row] = {
    "Status": Taken("stopped"),
    "PauseBehavior": Taken("skip"),
}


@dataclass(frozen=True)
class Order:
    """A request that is made of a form: the library's method for it, its path below the account,
    the least that it needs, and its parameters."""

    method: Callable[[Client], Any]
    path: str
    least: Mapping[str, str]
    rows: Mapping[str, Row]


ORDERS = [
    Order(
        lambda client: client.calls.create,
        "/Calls",
        {"To": "+1", "From": "+2", "Url": URL},
        MADE
        | {
            "Url": Taken(OTHER),
            "Method": Taken("GET"),
            "Twiml": Taken("<Response/>", {"Url": ""}),
            "FallbackUrl": Taken(OTHER),
            "FallbackMethod": Taken("GET", {"FallbackUrl": URL}),
            "ApplicationSid": Refused(21218),
            "SendDigits": Taken("1"),
            "AsyncAmd": Taken("true", DETECTED),
            "AsyncAmdStatusCallback": Taken(OTHER, DETECTED),
            "AsyncAmdStatusCallbackMethod": Taken("GET", {"AsyncAmdStatusCallback": URL}),
        },
    ),
    Order(
        lambda client: client.calls(CALL).update,
        f"/Calls/{CALL}",
        {},
        {
            "Url": Taken(URL),
            "Method": Taken("GET", {"Url": URL}),
            "Twiml": Taken("<Response/>"),
            "Status": Taken("completed"),
            "FallbackUrl": Taken(URL),
            "FallbackMethod": Taken("GET", {"FallbackUrl": URL}),
            "StatusCallback": Taken(URL),
            "StatusCallbackMethod": Taken("GET", {"StatusCallback": URL}),
            "TimeLimit": Taken("70"),
        },
    ),
    Order(
        lambda client: client.calls(CALL).recordings.create,
        f"/Calls/{CALL}/Recordings",
        {},
        {
            "RecordingChannels": Taken("dual"),
            "RecordingTrack": Taken("inbound"),
            "RecordingStatusCallback": Taken(URL),
            "RecordingStatusCallbackMethod": Taken("GET", TOLD),
            "RecordingStatusCallbackEvent": Taken("in-progress", TOLD),
            "RecordingConfigurationId": Refused(),
            "Trim": Taken("trim-silence"),
        },
    ),
    Order(
        lambda client: client.calls(CALL).recordings(RECORDING).update,
        f"/Calls/{CALL}/Recordings/{RECORDING}",
        {"Status": "paused"},
        RECORDING_CHANGE,
    ),
    Order(
        lambda client: client.calls(CALL).streams.create,
        f"/Calls/{CALL}/Streams",
        {"Url": "wss://a.example/"},
        {
            "Url": Taken("wss://b.example/"),
            "Name": Taken("mine"),
            "Track": Taken("both_tracks"),
            "StatusCallback": Taken(URL),
            "StatusCallbackMethod": Taken("GET", {"StatusCallback": URL}),
        }
        | {f"Parameter{at}.Name": Taken("a") for at in range(1, 100)}
        | {
            f"Parameter{at}.Value": Taken("b", {f"Parameter{at}.Name": "a"}) for at in range(1, 100)
        },
    ),
    Order(
        lambda client: client.calls(CALL).streams("mine").update,
        f"/Calls/{CALL}/Streams/mine",
        {"Status": "stopped"},
        {"Status": Moot(("stopped",))},
    ),
    Order(
        lambda client: client.conferences(ROOM).update,
        f"/Conferences/{ROOM}",
        {"Status": "completed"},
        {
            "Status": Moot(("completed",)),
            "AnnounceUrl": Taken(URL),
            "AnnounceMethod": Taken("GET", {"AnnounceUrl": URL}),
        },
    ),
    Order(
        lambda client: client.conferences(ROOM).recordings(RECORDING).update,
        f"/Conferences/{ROOM}/Recordings/{RECORDING}",
        {"Status": "paused"},
        RECORDING_CHANGE,
    ),
    Order(
        lambda client: client.conferences(ROOM).participants(CALL).update,
        f"/Conferences/{ROOM}/Participants/{CALL}",
        {},
        {
            "Muted": Taken("false"),
            "Hold": Taken("false"),
            "HoldUrl": Taken(URL),
            "HoldMethod": Taken("POST", {"HoldUrl": URL}),
            "AnnounceUrl": Taken(URL),
            "AnnounceMethod": Taken("GET", {"AnnounceUrl": URL}),
            "WaitUrl": Taken(""),
            "WaitMethod": Taken("GET", {"WaitUrl": URL}),
            "BeepOnExit": Taken("false"),
            "EndConferenceOnExit": Taken("false"),
            "Coaching": Taken("false"),
            "CallSidToCoach": Taken("CA" + "2" * 32),
        },
    ),
    Order(
        lambda client: client.conferences(ROOM).participants.create,
        f"/Conferences/{ROOM}/Participants",
        {"To": "+1", "From": "+2"},
        MADE
        | {
            "Label": Taken("boss"),
            "Muted": Taken("true"),
            "Beep": Taken("onExit"),
            "StartConferenceOnEnter": Taken("false"),
            "EndConferenceOnExit": Taken("true"),
            "WaitUrl": Taken(""),
            "WaitMethod": Taken("GET", {"WaitUrl": URL}),
            "EarlyMedia": Moot(("true", "false")),
            "MaxParticipants": Taken("3"),
            "ConferenceRecord": Taken("true"),
            "ConferenceTrim": Taken("do-not-trim", {"ConferenceRecord": "true"}),
            "ConferenceStatusCallback": Taken(URL),
            "ConferenceStatusCallbackMethod": Taken("GET", {"ConferenceStatusCallback": URL}),
            "ConferenceStatusCallbackEvent": Taken("join", {"ConferenceStatusCallback": URL}),
            "ConferenceRecordingStatusCallback": Taken(URL, {"ConferenceRecord": "true"}),
            "ConferenceRecordingStatusCallbackMethod": Taken(
                "GET", {"ConferenceRecord": "true", "ConferenceRecordingStatusCallback": URL}
            ),
            "ConferenceRecordingStatusCallbackEvent": Taken(
                "failed", {"ConferenceRecord": "true", "ConferenceRecordingStatusCallback": URL}
            ),
            "Coaching": Taken("false", {"CallSidToCoach": CALL}),
            "CallSidToCoach": Taken(CALL),
            "AmdStatusCallback": Taken(URL, DETECTED),
            "AmdStatusCallbackMethod": Taken("GET", {"AmdStatusCallback": URL}),
            "JitterBufferSize": Refused(),
            "Region": Refused(),
            "CallerDisplayName": Refused(),
            "EmergencyCallerPosition": Refused(),
            "EmergencyCallerLocation": Refused(),
            "EmergencyName": Refused(),
            "EmergencyAddress": Refused(),
            "EmergencyZipCode": Refused(),
            "EmergencyCity": Refused(),
            "EmergencyState": Refused(),
            "EmergencyCountry": Refused(),
        },
    ),
]


class Sent(Exception):  # noqa: N818 -- carries what a request would have said
    pass


class Catching(TwilioHttpClient):  # type: ignore[misc]
    """Sends nothing; raises what would have been sent."""

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        **_: object,
    ) -> Any:
        raise Sent(data if method == "POST" else params)


def names_sent(method: Callable[[Client], Any]) -> set[str]:
    """The names, on the wire, of all parameters of one of the library's methods."""
    bound = method(Client(*AUTH, http_client=Catching()))
    given = dict.fromkeys(inspect.signature(bound).parameters, "x")
    with pytest.raises(Sent) as sent:
        bound(**given)
    return {name for name, value in sent.value.args[0].items() if value is not unset}


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.path)
def test_no_parameter_is_forgotten(order: Order) -> None:
    """The table has the very parameters that the library can send."""
    assert names_sent(order.method) == set(order.rows)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.path)
async def test_each_parameter(order: Order) -> None:
    """Each changes what is asked of Telephony, or is refused and asks for nothing."""
    async with door() as ask:
        for name, row in order.rows.items():
            match row:
                case Taken(value, more):
                    without = {**order.least, **more}
                    answer, asked = await ask("POST", order.path, {**without, name: value})
                    assert answer.is_success, (name, answer.text)
                    assert asked != (await ask("POST", order.path, without))[1], name
                case Refused(number):
                    answer, asked = await ask("POST", order.path, {**order.least, name: "x"})
                    assert (answer.status_code, answer.json()["code"]) == (400, number), name
                    assert asked is None
                case Moot(values):
                    for value in values:
                        answer, asked = await ask("POST", order.path, {**order.least, name: value})
                        assert answer.is_success, (name, value, answer.text)
                    answer, asked = await ask("POST", order.path, {**order.least, name: "x"})
                    assert (answer.status_code, answer.json()["code"]) == (400, 20001), name
                    assert asked is None


PAGING = {"Page", "PageSize", "PageToken"}
AGES = [("", "2999-01-01"), ("<", "1971-01-01"), (">", "2999-01-01")]


def ages(name: str) -> dict[str, str]:
    return {name + suffix: value for suffix, value in AGES}


LISTS: list[tuple[Callable[[Client], Any], dict[str, str]]] = [
    (
        lambda client: client.calls.page,
        {"To": "+9", "From": "+9", "ParentCallSid": CALL, "Status": "busy"}
        | ages("StartTime")
        | ages("EndTime"),
    ),
    (lambda client: client.calls(CALL).recordings.page, ages("DateCreated")),
    (
        lambda client: client.recordings.page,
        {"CallSid": "CA" + "9" * 32, "ConferenceSid": "CF" + "9" * 32} | ages("DateCreated"),
    ),
    (
        lambda client: client.conferences.page,
        {"FriendlyName": "none", "Status": "init"} | ages("DateCreated") | ages("DateUpdated"),
    ),
    (
        lambda client: client.conferences(ROOM).participants.page,
        {"Muted": "true", "Hold": "true", "Coaching": "true"},
    ),
    (lambda client: client.conferences(ROOM).recordings.page, ages("DateCreated")),
]
"""The library's lists, and a value of each filter that leaves nothing of what `keep` has kept."""


def keep(twilio: Twilio) -> None:
    """One of each thing, all over but the conference."""
    now, store = 1_700_000_000.0, twilio.server.service.store
    call = CallRecord(CALL, ACCOUNT, "+1", "+2", "completed", "inbound", now, now, now, now + 9)
    store.save(call)
    store.save(ConferenceRecord(ROOM, ACCOUNT, "Room", "in-progress", now, now))
    store.save(ParticipantRecord(ROOM, CALL, ACCOUNT, now, now))
    store.save(
        RecordingRecord(
            RECORDING, ACCOUNT, CALL, "completed", now, now, conference_sid=ROOM, seconds=3
        )
    )


@pytest.mark.parametrize(("method", "filters"), LISTS)
async def test_each_filter(
    twilio: Twilio, method: Callable[[Client], Any], filters: dict[str, str]
) -> None:
    """Every filter that the library can send chooses; nothing of it is passed over."""
    keep(twilio)
    assert names_sent(method) - PAGING - {"IncludeSoftDeleted"} == set(filters)
    uri = method(twilio.client).__self__._uri
    async with client_of(twilio.server) as client:
        path = f"/2010-04-01{uri}"

        async def count(query: dict[str, str]) -> int:
            answer = await client.get(path, params=query, auth=AUTH)
            assert answer.status_code == 200, answer.text
            (listed,) = (value for value in answer.json().values() if isinstance(value, list))
            return len(listed)

        assert await count({}) == 1
        for name, value in filters.items():
            assert await count({name: value}) == 0, name


async def test_what_is_deleted_is_gone(twilio: Twilio) -> None:
    """There are no recordings that are deleted but still there, so none to be left out."""
    keep(twilio)
    for wanted in (True, False):
        listed = await twilio.do(
            lambda client, w=wanted: client.recordings.list(include_soft_deleted=w)  # type: ignore[misc]
        )
        assert len(listed) == 1
        await twilio.do(
            lambda client, w=wanted: client.recordings(RECORDING).fetch(include_soft_deleted=w)  # type: ignore[misc]
        )


class Read(dict[str, Any]):
    """An answer that notes which of its members are looked up."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


async def test_each_member(tmp_path: Path) -> None:
    """Every member that the library reads of an answer is there, be it null."""
    async with serving(data_dir=tmp_path) as server, consumer() as customer:
        twilio = Twilio(server)
        keep(twilio)
        of_call = {"account_sid": ACCOUNT, "call_sid": CALL}
        of_room = {"account_sid": ACCOUNT, "conference_sid": ROOM}
        table: list[tuple[str, type, dict[str, str]]] = [
            (f"/Calls/{CALL}.json", CallInstance, {"account_sid": ACCOUNT}),
            (f"/Calls/{CALL}/Recordings/{RECORDING}.json", OfCall, of_call),
            (f"/Recordings/{RECORDING}.json", RecordingInstance, {"account_sid": ACCOUNT}),
            (f"/Conferences/{ROOM}.json", ConferenceInstance, {"account_sid": ACCOUNT}),
            (f"/Conferences/{ROOM}/Participants/{CALL}.json", ParticipantInstance, of_room),
            (f"/Conferences/{ROOM}/Recordings/{RECORDING}.json", OfConference, of_room),
        ]
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        async with (
            client_of(server) as client,
            local_call(server.service, "<Response><Echo/></Response>") as (live, _),
        ):
            answers = [
                (kind, solution, (await client.get(base + path, auth=AUTH)).json())
                for path, kind, solution in table
            ]
            streams = f"{base}/Calls/{live.call.sid}/Streams.json"
            created = await client.post(streams, data={"Url": customer.url}, auth=AUTH)
            answers.append((StreamInstance, of_call, created.json()))
        for kind, solution, answer in answers:
            read = Read(answer)
            kind(twilio.client.api.v2010, read, **solution)
            assert read.names, kind
            assert read.names <= set(answer), (kind, read.names - set(answer))
        await asyncio.to_thread(twilio.close)
