"""A recording's own resource: its JSON, or its audio with ranges, by the suffix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from app.rest import rendering
from app.rest.access import require_account
from app.rest.recordings import find_recording
from app.restoring import files_of
from app.service import Service
from app.store.records import RecordingRecord
from app.telephony.orders import Refusal, not_found

_TYPES = {".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
_PASSED = ("content-type", "content-length", "content-range", "accept-ranges", "etag")


def create_router(service: Service) -> APIRouter:
    """`Recordings/{sid}`: `.json` describes it; `.mp3`, `.wav` and no suffix are the audio.

    The audio needs the account's credentials unless the settings say otherwise.
    """
    router = APIRouter()

    @router.get("/Recordings/{name}")
    @router.head("/Recordings/{name}")
    async def fetch(request: Request, account: str, name: str) -> Response:
        path = PurePosixPath(name)
        if path.suffix == ".json":
            require_account(service.settings, request, account)
            record = await find_recording(service, path.stem)
            return JSONResponse(rendering.recording(account, record, service.base_url))
        if service.settings.recordings_guarded:
            require_account(service.settings, request, account)
        suffix = path.suffix or ".wav"
        if suffix not in _TYPES:
            raise not_found(f"Recordings/{name}")
        record = await find_recording(service, path.stem)
        if record.url:
            return await _carried(service, request, record, suffix)
        return _file(service, record, suffix)

    return router


def _file(service: Service, record: RecordingRecord, suffix: str) -> Response:
    for path in files_of(service.settings.data_dir / "recordings", record):
        if path.suffix == suffix and path.is_file():
            return FileResponse(path, media_type=_TYPES[suffix])
    raise not_found(f"Recordings/{record.sid}{suffix}")


async def _carried(
    service: Service, request: Request, record: RecordingRecord, suffix: str
) -> Response:
    """The audio as the carrier gives it, a range of it if one is asked for."""
    url = record.url.removesuffix(".wav").removesuffix(".mp3") + suffix
    headers = {"Accept-Encoding": "identity"}
    if "range" in request.headers:
        headers["Range"] = request.headers["range"]
    outgoing = service.client.build_request("GET", url, headers=headers)
    # Our credentials are for SignalWire's own host and nobody else.
    ours = url.startswith(service.settings.signalwire_url + "/")
    auth = service.carrier_auth if ours and service.settings.signalwire_url else None
    try:
        upstream = await service.client.send(outgoing, stream=True, auth=auth)
    except httpx.HTTPError as error:
        raise Refusal(503, 20503, "SignalWire does not give the recording") from error
    if not upstream.is_success:
        await upstream.aclose()
        raise not_found(f"Recordings/{record.sid}{suffix}")

    async def body() -> AsyncIterator[bytes]:
        try:
            async for part in upstream.aiter_raw():
                yield part
        finally:
            await upstream.aclose()

    passed = {name: upstream.headers[name] for name in _PASSED if name in upstream.headers}
    return StreamingResponse(body(), upstream.status_code, passed)
