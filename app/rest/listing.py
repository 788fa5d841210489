"""Lists in pages, and the filters that choose what is in them (T section 11)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, TypeVar
from urllib.parse import urlencode

from app.rest.forms import INVALID, Form
from app.store.records import ParticipantRecord, Record
from app.store.store import Store, Where
from app.telephony.orders import Refusal

Kind = TypeVar("Kind", bound=Record)
_PAGING = frozenset({"Page", "PageSize", "PageToken"})
_MAX_PAGE = 1000
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: `name` is the key of its records in the answer, `path` its own without `.json`."""

    name: str
    path: str
    query: Form


async def page(
    store: Store,
    kind: type[Kind],
    listing: Listing,
    wheres: Sequence[Where],
    render: Callable[[Kind], dict[str, Any]],
) -> dict[str, Any]:
    """One page of a list, with the URIs of its neighbours. Pages have 50 records unless the
    request says otherwise, 1000 at most."""
    query = listing.query
    size = query.number("PageSize", 1, 10**9)
    size = min(size or 50, _MAX_PAGE)
    number = query.number("Page", 0, 10**6) or 0
    after = _read_token(query.text("PageToken"))
    found = await store.select(
        kind, wheres, limit=size, skip=0 if after else number * size, after=after
    )
    filters = [(name, value) for name, value in query.pairs if name not in _PAGING]

    def uri(at: int, token: str = "") -> str:
        pages = [("PageSize", str(size)), ("Page", str(at))]
        pages += [("PageToken", token)] if token else []
        return f"{listing.path}.json?{urlencode(filters + pages)}"

    records = found.records
    return {
        "first_page_uri": uri(0),
        "end": number * size + max(len(records) - 1, 0),
        "previous_page_uri": uri(number - 1) if number else None,
        listing.name: [render(record) for record in records],
        "uri": uri(number, query.text("PageToken")),
        "page_size": size,
        "start": number * size,
        "next_page_uri": uri(number + 1, _token(records[-1])) if found.more else None,
        "page": number,
    }


def _token(record: Record) -> str:
    key = record.call_sid if isinstance(record, ParticipantRecord) else record.sid
    return "PA" + base64.urlsafe_b64encode(f"{record.created_at!r} {key}".encode()).decode()


def _read_token(token: str) -> tuple[float, str] | None:
    if not token:
        return None
    try:
        at, key = base64.urlsafe_b64decode(token.removeprefix("PA")).decode().split(" ")
        return float(at), key
    except (ValueError, binascii.Error) as error:
        raise Refusal(400, INVALID, "PageToken is not one of this list's") from error


def equals(query: Form, fields: dict[str, str]) -> list[Where]:
    """Conditions of the parameters that name a field's value."""
    return [Where(field, query.text(name)) for name, field in fields.items() if query.text(name)]


def times(query: Form, name: str, field: str, otherwise: str = "") -> list[Where]:
    """Conditions of a time's three parameters: itself, `<` (at or before), `>` (at or after).
    `otherwise`: see `Where`.

    A date stands for its midnight in UTC; by itself, as midnight too, for the whole day, since
    libraries write one as the other. Any other time by itself is that second.
    """
    wheres: list[Where] = []
    for suffix in ("", "<", ">"):
        value = query.text(name + suffix)
        if not value:
            continue
        moment = _moment(name, value)
        at = moment.timestamp()
        if suffix:
            wheres.append(Where(field, at, suffix, otherwise))
        else:
            length = 1 if moment.time() != time() else _DAY
            wheres += [
                Where(field, at, ">", otherwise),
                Where(field, at + length - 1e-6, "<", otherwise),
            ]
    return wheres


def _moment(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise Refusal(400, INVALID, f"{name} must be YYYY-MM-DD or ISO 8601") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)
