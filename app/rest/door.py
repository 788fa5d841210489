"""The routes under `/2010-04-01`, their access and their errors."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from app.rest import calls, conferences, media, recordings, rendering, streams
from app.rest.access import require_account
from app.service import Service
from app.telephony.orders import Refusal, Telephony, not_found

_ACCOUNT = f"/{rendering.VERSION}/Accounts/{{account}}"
_ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_router(service: Service, telephony: Telephony) -> APIRouter:
    """Every resource, with and without `.json`; anything else is not found (20404)."""

    def known(request: Request, account: str) -> None:
        require_account(service.settings, request, account)

    router = APIRouter(prefix=_ACCOUNT, tags=["twilio"])
    router.include_router(media.create_router(service))  # sees to access itself
    for module in (calls, streams, recordings, conferences):
        router.include_router(
            module.create_router(service, telephony), dependencies=[Depends(known)]
        )

    @router.api_route("/{rest:path}", methods=_ALL, dependencies=[Depends(known)])
    async def unknown(request: Request, rest: str) -> None:
        raise not_found(request.url.path)

    return router


def answer_refusals(app: FastAPI) -> None:
    """Have every Refusal answered in Twilio's form."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else None
        return JSONResponse(rendering.error(error), error.status, headers)

    app.add_exception_handler(Refusal, refused)
