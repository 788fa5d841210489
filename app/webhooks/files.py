"""Passes a customer's audio file through to the carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urljoin

import httpx
from fastapi import HTTPException, Response
from fastapi.responses import StreamingResponse

from bridge.call import Call
from bridge.signature import sign, signed_webhook_url

MAX_FILE = 100 * 1024 * 1024
"""Forty minutes, SignalWire's advice for <Play>, of 16-bit stereo at 8 kHz fit in 77 MB."""
_MAX_REDIRECTS = 10
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)


async def relay(client: httpx.AsyncClient, auth_token: str, call: Call, url: str) -> Response:
    """The file at `url`, streamed. 502 when it cannot be had; the timeline says why."""
    try:
        upstream = await _fetch(client, auth_token, url)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        call.timeline.add("play.failed", "error", code=11200, message=str(error))
        raise HTTPException(502, "The audio file cannot be fetched.") from error
    if not upstream.is_success:
        await upstream.aclose()
        call.timeline.add(
            "play.failed", "error", code=11200, status=upstream.status_code, message="not found"
        )
        raise HTTPException(502, f"The audio file's server answered {upstream.status_code}.")
    headers = {
        name: upstream.headers[name]
        for name in ("content-type", "content-length")
        if name in upstream.headers
    }
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_FILE:
        await upstream.aclose()
        call.timeline.add("play.failed", "error", code=11200, message="the file is over 100 MB")
        raise HTTPException(502, "The audio file is too large.")
    return StreamingResponse(_body(upstream, call), headers=headers)


async def _fetch(client: httpx.AsyncClient, auth_token: str, url: str) -> httpx.Response:
    for _ in range(_MAX_REDIRECTS):
        url = url.partition("#")[0]
        request = client.build_request(
            "GET",
            url,
            headers={
                "Accept-Encoding": "identity",
                "X-Twilio-Signature": sign(auth_token, signed_webhook_url(url)),
            },
            timeout=_TIMEOUT,
        )
        response = await client.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        await response.aclose()
        url = urljoin(url, response.headers["location"])
    raise httpx.TooManyRedirects(f"more than {_MAX_REDIRECTS} redirects")


async def _body(upstream: httpx.Response, call: Call) -> AsyncIterator[bytes]:
    size = 0
    try:
        async for part in upstream.aiter_raw():
            size += len(part)
            if size > MAX_FILE:
                call.timeline.add("play.failed", "error", code=11200, message="over 100 MB")
                return
            yield part
    except httpx.HTTPError as error:
        call.timeline.add("play.failed", "error", code=11200, message=str(error))
    finally:
        await upstream.aclose()
