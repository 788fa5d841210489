from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.callbacks import Delivery, Outcome, iso_utc, stream_form
from bridge.identity import Identity
from bridge.overrides import Overrides
from bridge.stream import Report

IDENTITY = Identity(
    account_sid="AC" + "0" * 32,
    call_sid="CA" + "1" * 32,
    stream_sid="MZ" + "2" * 32,
    name="tap",
    tracks=("inbound",),
    bidirectional=False,
)
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def test_form() -> None:
    """A status has the documented fields in the order seen on the wire."""
    assert stream_form(IDENTITY, Report("stream-started"), NOON) == (
        ("StreamName", "tap"),
        ("StreamEvent", "stream-started"),
        ("CallSid", IDENTITY.call_sid),
        ("Timestamp", "2026-11-21T12:00:00.250000Z"),
        ("AccountSid", IDENTITY.account_sid),
        ("StreamSid", IDENTITY.stream_sid),
    )


@pytest.mark.contract("T83")
@pytest.mark.parametrize("event", ["stream-started", "stream-stopped", "stream-error"])
@pytest.mark.parametrize(("name", "told"), [("tap", "tap"), (None, IDENTITY.stream_sid)])
@pytest.mark.parametrize("error", ["", "31902 Stream - connection refused"])
def test_fields(event: str, name: str | None, told: str, error: str) -> None:
    """Each event names stream, call and account; the sid stands in for a name; errors are told."""
    fields = dict(stream_form(replace(IDENTITY, name=name), Report(event, error), NOON))
    assert (fields["StreamEvent"], fields["StreamName"]) == (event, told)
    assert fields.get("StreamError", "") == error
    assert ("StreamError" in fields) == bool(error)
    assert set(fields) - {"StreamError"} == {
        "AccountSid",
        "CallSid",
        "StreamSid",
        "StreamName",
        "StreamEvent",
        "Timestamp",
    }


@pytest.mark.contract("T84")
def test_times_are_utc() -> None:
    """A time is ISO 8601 in UTC, wherever it was taken."""
    there = NOON.astimezone(timezone(timedelta(hours=-5)))
    assert iso_utc(there) == iso_utc(NOON) == "2026-11-21T12:00:00.250000Z"
    assert datetime.fromisoformat(iso_utc(NOON)) == NOON
    assert iso_utc(NOON.replace(microsecond=0)) == "2026-11-21T12:00:00.000000Z"


@pytest.mark.parametrize("status", [200, 204, 299])
def test_delivered(status: int) -> None:
    """Any 2xx answer delivers, at the first attempt."""
    delivery = Delivery()
    assert delivery.answered(status) is None
    assert (delivery.outcome, delivery.attempts) == (Outcome.DELIVERED, 1)
    assert delivery.last == f"HTTP {status}"


@pytest.mark.parametrize("status", [199, 300, 404, 500, 503])
def test_other_answers_are_final(status: int) -> None:
    """By default an answer outside 2xx is final."""
    delivery = Delivery()
    assert delivery.answered(status) is None
    assert (delivery.outcome, delivery.attempts) == (Outcome.FAILED, 1)


def test_one_retry_when_connecting_failed() -> None:
    """By default a failed connection is tried once more, after a pause."""
    delivery = Delivery()
    pause = delivery.failed("ct", "refused")
    assert pause is not None
    assert pause > 0
    assert (delivery.outcome, delivery.last) == (Outcome.PENDING, "refused")
    assert delivery.answered(200) is None
    assert (delivery.outcome, delivery.attempts) == (Outcome.DELIVERED, 2)


def test_read_failures_are_final() -> None:
    """By default a broken or late answer is not asked for again."""
    delivery = Delivery()
    assert delivery.failed("rt", "late") is None
    assert delivery.outcome is Outcome.FAILED


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_retries_are_bounded(retries: int) -> None:
    """n retries make n + 1 attempts."""
    delivery = Delivery(Overrides(retries=retries))
    pauses = [delivery.failed("ct", "refused") for _ in range(retries + 1)]
    assert [pause is None for pause in pauses] == [False] * retries + [True]
    assert (delivery.outcome, delivery.attempts) == (Outcome.FAILED, retries + 1)


@pytest.mark.parametrize(
    ("status", "named", "again"),
    [(404, "4xx", True), (404, "5xx", False), (503, "5xx", True), (503, "4xx", False)],
)
def test_named_answers_are_retried(status: int, named: str, again: bool) -> None:
    """An answer is tried again when the URL's overrides name its class."""
    delivery = Delivery(Overrides(retry_on=frozenset({named})))
    assert (delivery.answered(status) is not None) == again
