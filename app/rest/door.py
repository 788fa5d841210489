"""The routes under `/2010-04-01`, their access and their errors."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from app.rest import calls, conferences, media, recordings, rendering, streams
from app.rest.access import require_account
from app.service import Service
from app.telephony.orders import Refusal, Telephony, not_found

_ACCOUNT = f"/{rendering.VERSION}/Accounts/{{account}}"
_CODES = {405: 20004}
"""Twilio's number for an HTTP status of the framework's own."""
_ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

log = structlog.get_logger("rest")


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

    base = APIRouter()
    base.include_router(router)

    @base.api_route(f"/{rendering.VERSION}/{{rest:path}}", methods=_ALL, include_in_schema=False)
    async def no_account(request: Request, rest: str) -> None:
        raise not_found(request.url.path)

    return base


def answer_refusals(app: FastAPI) -> None:
    """Have every Refusal, and whatever else goes wrong under the base, in Twilio's form."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return _answer(error)

    async def other_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if not _ours(request):
            return await http_exception_handler(request, error)
        if error.status_code == 404:
            return _answer(not_found(request.url.path))
        return _answer(
            Refusal(error.status_code, _CODES.get(error.status_code, 20001), error.detail)
        )

    async def no_database(request: Request, error: Exception) -> Response:
        if not _ours(request):
            raise error
        log.error(
            "the database does not answer",
            kind=type(error).__name__,
            path=request.url.path,
            advice="See to the database that TWIML_BRIDGE_DATABASE_URL names.",
        )
        return _answer(Refusal(503, 20503, "The database does not answer"))

    async def failed(request: Request, _: Exception) -> Response:
        """The error itself goes on to the server's log."""
        if _ours(request):
            return _answer(Refusal(500, 20500, "An internal server error has occurred"))
        return PlainTextResponse("Internal Server Error", 500)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, other_status)
    app.add_exception_handler(SQLAlchemyError, no_database)
    app.add_exception_handler(Exception, failed)


def _ours(request: Request) -> bool:
    return request.url.path.startswith(f"/{rendering.VERSION}/")


def _answer(refusal: Refusal) -> JSONResponse:
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if refusal.status == 401 else None
    return JSONResponse(rendering.error(refusal), refusal.status, headers)
