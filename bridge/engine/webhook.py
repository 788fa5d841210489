"""One webhook request to the customer, as Twilio makes it: signed, bounded, retried."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from bridge.callbacks import Delivery, FormFields, Outcome
from bridge.engine.http import place, why_unreached
from bridge.errors import CustomerError
from bridge.overrides import split
from bridge.signature import sign, signed_webhook_url

MAX_REDIRECTS = 10
"""Twilio follows up to ten (T section 9)."""


Cookies = dict[str, dict[str, str]]
"""A call's cookies, by the host (and port) that set them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The app's last answer. `url` is where it came from, after redirects, without fragment and
    without the parameters that a GET adds; `signed` is the exact URL that was signed; `truncated`
    when the body was longer than allowed."""

    url: str
    signed: str
    status: int
    content_type: str | None
    body: bytes
    truncated: bool
    attempts: int = 1
    seconds: float = 0.0


class _Failure(Exception):  # noqa: N818 -- internal signal, never leaves this module
    def __init__(self, reason: str, code: int, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.code = code


class Webhooks:
    """Requests to customers' HTTP endpoints. One per service; safe to use from many calls."""

    def __init__(self, client: httpx.AsyncClient, auth_token: str) -> None:
        self._client = client
        self._auth_token = auth_token

    async def request(
        self,
        url: str,
        method: str,
        form: FormFields,
        *,
        max_body: int = 64 * 1024,
        cookies: Cookies | None = None,
        within: float | None = None,
    ) -> Answer:
        """Ask, following redirects; raises CustomerError when there is no 2xx answer.

        `within` is the caller's own bound in seconds, beside the URL's.

        `cookies` are the call's: sent, and updated from the answer. Codes: 11200 (status outside
        2xx), 11203 (time), 11205 (connection), 11210 (no such host or not http), 11215
        (redirects), 11220 (TLS).
        """
        target, overrides, _ = split(url)
        limit = overrides.total / 1000 if within is None else min(overrides.total / 1000, within)
        delivery = Delivery(overrides)
        loop = asyncio.get_running_loop()
        began = loop.time()
        exchange = _Exchange(
            self._client,
            self._auth_token,
            form,
            cookies if cookies is not None else {},
            httpx.Timeout(overrides.read / 1000, connect=overrides.connect / 1000),
            max_body,
        )
        try:
            async with asyncio.timeout(limit):
                answer = await self._attempts(exchange, target, method, delivery)
        except TimeoutError as error:
            raise CustomerError(
                11203, f"{place(target)} gave no answer within {limit:.3g} s"
            ) from error
        if delivery.outcome is Outcome.FAILED:
            raise CustomerError(11200, f"{place(target)} answered HTTP {answer.status}")
        return replace(answer, attempts=delivery.attempts, seconds=round(loop.time() - began, 4))

    async def _attempts(
        self, exchange: _Exchange, url: str, method: str, delivery: Delivery
    ) -> Answer:
        while True:
            try:
                answer = await exchange.follow(url, method)
            except _Failure as failure:
                pause = delivery.failed(failure.reason, str(failure))
                if pause is None:
                    raise CustomerError(failure.code, str(failure)) from failure
            else:
                pause = delivery.answered(answer.status)
                if pause is None:
                    return answer
            exchange.retry_token = exchange.retry_token or str(uuid.uuid4())
            await asyncio.sleep(pause)


@dataclass(slots=True)
class _Exchange:
    """What stays the same over the redirects and attempts of one request."""

    client: httpx.AsyncClient
    auth_token: str
    form: FormFields
    cookies: Cookies
    timeout: httpx.Timeout
    max_body: int
    retry_token: str | None = None

    async def follow(self, url: str, method: str) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            answer, location = await self._once(url, method)
            if location is None:
                return answer
            try:
                url = urljoin(url, location).partition("#")[0]
            except ValueError as error:
                raise _Failure("url", 11210, f"{location!r} is not an http(s) URL") from error
            # A redirect that does not say otherwise is fetched, as browsers do, with GET; the
            # parameters go along in the query so that the app still knows which call it is.
            if answer.status not in (307, 308):
                method = "GET"
        raise _Failure(
            "redirect", 11215, f"more than {MAX_REDIRECTS} redirects, last to {place(url)}"
        )

    async def _once(self, url: str, method: str) -> tuple[Answer, str | None]:
        parts = _as_sent(url)
        asked = url = urlunsplit(parts)
        content: bytes | None = None
        headers: dict[str, str] = {}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            content = urlencode(self.form).encode()
        elif self.form:
            query = "&".join(filter(None, (parts.query, urlencode(self.form))))
            url = urlunsplit(parts._replace(query=query))
        signed = signed_webhook_url(url)
        headers["X-Twilio-Signature"] = sign(
            self.auth_token, signed, self.form if method == "POST" else ()
        )
        if self.retry_token is not None:
            headers["I-Twilio-Idempotency-Token"] = self.retry_token
        cookies = self.cookies.setdefault(parts.netloc, {})
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        response, body, truncated = await self._send(method, url, headers, content)
        for value in response.headers.get_list("set-cookie"):
            cookies.update(_cookies_of(value))
        answer = Answer(
            url=asked,
            signed=signed,
            status=response.status_code,
            content_type=response.headers.get("content-type"),
            body=body,
            truncated=truncated,
        )
        return answer, response.headers.get("location") if response.is_redirect else None

    async def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[httpx.Response, bytes, bool]:
        try:
            async with self.client.stream(
                method, url, headers=headers, content=content, timeout=self.timeout
            ) as response:
                return response, *await _bounded(response, self.max_body)
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Failure("ct", 11205, f"connecting to {place(url)} took too long") from error
        except httpx.ConnectError as error:
            code, why = why_unreached(error)
            raise _Failure("ct", code, f"cannot connect to {place(url)}: {why}") from error
        except httpx.TimeoutException as error:
            raise _Failure("rt", 11203, f"{place(url)} did not answer in time") from error
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise _Failure("rt", 11200, f"{place(url)} broke off: {error}") from error


async def _bounded(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Up to `limit` bytes of a body, and whether there was more."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > limit:
            return b"".join(parts)[:limit], True
    return b"".join(parts), False


def _as_sent(url: str) -> SplitResult:
    """The URL as it goes over the wire, which is how the app sees it and checks its signature."""
    try:
        parts = urlsplit(str(httpx.URL(url)))
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts._replace(path=parts.path or "/")
    except (httpx.InvalidURL, ValueError):
        pass
    raise _Failure("url", 11210, f"{place(url)} is not an http(s) URL")


def _cookies_of(header: str) -> dict[str, str]:
    """What one Set-Cookie sets, values as they were written; nothing when it is malformed."""
    try:
        return {name: item.coded_value for name, item in SimpleCookie(header).items()}
    except CookieError:
        return {}
