"""Requests to SignalWire's compatibility REST (S section 2.6) and calling REST (S section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import structlog

from app.telephony.orders import Refusal, not_found
from bridge.ids import is_sid

FormFields = tuple[tuple[str, str], ...]
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_UUID_PARTS = re.compile("([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")

log = structlog.get_logger("carrier")


class SignalWireRest:
    """One project's REST. Every method raises Refusal, with SignalWire's own number if it gave one
    of Twilio's form."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, project: str, auth: httpx.BasicAuth
    ) -> None:
        self._client = client
        self._url = url
        self._auth = auth
        self._account = f"/api/laml/2010-04-01/Accounts/{quote(project, safe='')}"

    def url_of(self, path: str) -> str:
        """Where one of the account's resources is."""
        return self._url + self._account + path

    async def post(self, path: str, form: FormFields) -> dict[str, Any]:
        """A form to one of the account's resources; its answer."""
        fields: dict[str, list[str]] = {}
        for name, value in form:
            fields.setdefault(name, []).append(value)
        return await self._ask("POST", self._account + path, data=fields)

    async def delete(self, path: str) -> None:
        await self._ask("DELETE", self._account + path)

    async def command(
        self, command: str, call_id: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A command to one call; `update` has the id within its parameters."""
        body: dict[str, Any] = {"command": command}
        if command == "update":
            body["params"] = {"id": call_id, **params}
        else:
            body |= {"id": call_id, "params": dict(params)}
        return await self._ask("POST", "/api/calling/calls", json=body)

    async def _ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                method,
                self._url + path,
                auth=self._auth,
                headers={"Accept": "application/json"},
                timeout=_TIMEOUT,
                **body,
            )
        except httpx.HTTPError as error:
            log.error(  # noqa: TRY400 -- the kind of trouble says all
                "SignalWire cannot be reached",
                kind=type(error).__name__,
                advice="Check TWIML_BRIDGE_SIGNALWIRE_SPACE, and the way out of this machine.",
            )
            raise Refusal(503, 20503, "SignalWire cannot be reached") from error
        value = _object(answer)
        if not answer.is_success:
            raise _refusal(answer.status_code, value, path)
        return value


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _refusal(status: int, value: Mapping[str, Any], path: str) -> Refusal:
    """What SignalWire's error is in Twilio's words: the two share their form in the first REST;
    the second lists several (S section 3.1)."""
    if status in (401, 403):
        log.error(
            "SignalWire refuses our credentials",
            status=status,
            advice="Check TWIML_BRIDGE_SIGNALWIRE_PROJECT and TWIML_BRIDGE_SIGNALWIRE_TOKEN.",
        )
        return Refusal(500, 20500, "SignalWire refuses this service's credentials")
    if status == 404:
        return not_found(path.rpartition("/Accounts/")[2].partition("/")[2] or "call")
    listed = value.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        value = listed[0]
    message = str(value.get("message") or f"HTTP {status}")
    code = str(value.get("code") or "")
    number = int(code) if re.fullmatch("[0-9]{5}", code) else 0
    if status >= 500:
        return Refusal(503, number or 20503, f"SignalWire: {message}")
    if not number and code:
        message = f"{message} ({code})"
    return Refusal(400, number or 20001, f"SignalWire: {message}")


def resource(*parts: str) -> str:
    """The path of one of the account's resources, such as `/Calls/{id}/Streams`. Whatever a part
    is, it stays one segment of the path; raises Refusal (20404) for one that never is."""
    if any(part in ("", ".", "..") for part in parts):
        raise not_found("/".join(parts))
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def foreign_id(sid: str, prefix: str) -> str:
    """SignalWire's id behind a sid that was made of its UUID; raises Refusal (20404) for what is no
    sid of that kind."""
    if not is_sid(sid, prefix):
        raise not_found(sid)
    found = _UUID_PARTS.fullmatch(sid[2:])
    assert found is not None
    return "-".join(found.groups())
