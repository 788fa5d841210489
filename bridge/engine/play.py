"""`<Play>`: audio from the customer's URL, or from a file in local mode, decoded while it plays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, cast
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import structlog

from bridge.audio import AudioError
from bridge.engine.http import place, why_unreached
from bridge.engine.spool import Aborted, Spool, SpoolReader
from bridge.engine.threads import in_thread
from bridge.errors import CustomerError

log = structlog.get_logger("play")

MAX_FILE_BYTES = 256 * 1024 * 1024
"""A download that is larger is given up; Twilio documents no bound."""

MAX_ROUNDS = 1000
"""What `loop="0"` means at most, as Twilio's page on `<Play>` says."""

_MAX_REDIRECTS = 10
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)  # T section 9
_AHEAD_BYTES = 256 * 1024
_AHEAD_PIECES = 10  # of 200 ms
_NOT_AUDIO = ("text/", "application/json", "application/xml", "application/xhtml", "image/")
_ADVICE = "answer with an audio file such as WAV or MP3, and its content type"


class Player:
    """Plays what PyAV decodes. One per service; close it when the service ends.

    `client` is the guarded one (`bridge.engine.http.new_client`). `files` (local mode) allows
    `file:` URLs and paths. `plays` is how many may sound at once; who comes later waits.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        files: bool = False,
        plays: int = 256,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self._client = client
        self._files = files
        self._max_bytes = max_bytes
        self._threads = ThreadPoolExecutor(plays, thread_name_prefix="play")

    async def play(self, url: str, loop: int = 1) -> AsyncGenerator[bytes, None]:
        """8 kHz mu-law in pieces of 200 ms, the file `loop` times (0: 1000 times).

        It is fetched once. At most two seconds are decoded and 256 KiB fetched ahead of the reader.
        Closing the iterator, or cancelling the task that reads it, ends everything. Raises
        CustomerError: 11200 (HTTP status, broken off, too large, no such file), 11203 (time), 11205
        (connection), 11210 (host or scheme), 11215 (redirects), 11220 (TLS), 13420 (not audio).
        What was decoded before an error has then been given.
        """
        opened = self._file(url) if self._is_file(url) else self._download(url)
        async with opened as source:
            for _ in range(loop or MAX_ROUNDS):
                pieces = in_thread(
                    self._threads, source.pieces, ahead=_AHEAD_PIECES, unblock=source.abort
                )
                async with contextlib.aclosing(pieces):
                    async for piece in pieces:
                        yield piece

    def close(self) -> None:
        """End the threads, after everything that plays has been closed."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Files

    def _is_file(self, url: str) -> bool:
        return self._files and _scheme(url) in ("", "file")

    @contextlib.asynccontextmanager
    async def _file(self, url: str) -> AsyncIterator[_Source]:
        parts = urlsplit(url)
        path = Path(unquote(parts.path) if parts.scheme else url)
        yield _FileSource(path)

    # Downloads

    @contextlib.asynccontextmanager
    async def _download(self, url: str) -> AsyncIterator[_Source]:
        spool = Spool(_AHEAD_BYTES)
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._fetch(url, spool, begun))
        try:
            yield _SpoolSource(spool, place(url), await begun)
        finally:
            spool.abort()
            task.cancel()
            await asyncio.wait([task])
            spool.close()

    async def _fetch(self, url: str, spool: Spool, begun: asyncio.Future[str]) -> None:
        """Fetch into the spool; `begun` is told the content type when the audio begins."""
        error: CustomerError | None = None
        try:
            await self._follow(url, spool, begun)
        except CustomerError as told:
            error = told
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            error = CustomerError(11205, f"connecting to {place(url)} took too long")
        except httpx.ConnectError as failure:
            code, why = why_unreached(failure)
            error = CustomerError(code, f"cannot connect to {place(url)}: {why}")
        except httpx.TimeoutException:
            error = CustomerError(11203, f"{place(url)} did not go on in time")
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            error = CustomerError(
                11200, f"{place(url)} broke off after {spool.written} bytes: {failure}"
            )
        except Exception:
            # Whatever it is, the call that waits for this audio must be told.
            log.exception("fetching audio failed")
            error = CustomerError(11200, f"{place(url)} could not be fetched; see the log")
        if error is not None and not begun.done():
            begun.set_exception(error)
        spool.finish(error)

    async def _follow(self, url: str, spool: Spool, begun: asyncio.Future[str]) -> None:
        for _ in range(_MAX_REDIRECTS + 1):
            if _scheme(url) not in ("http", "https"):
                raise CustomerError(11210, f"{place(url)} is not an http(s) URL")
            async with self._client.stream("GET", url, timeout=_TIMEOUT) as response:
                if response.has_redirect_location:
                    url = urljoin(url, response.headers["location"])
                    continue
                if not response.is_success:
                    raise CustomerError(11200, f"{place(url)} answered HTTP {response.status_code}")
                kind = response.headers.get("content-type", "").strip().lower()
                if kind.startswith(_NOT_AUDIO):
                    raise CustomerError(13420, f"{place(url)} is {kind}, not audio", _ADVICE)
                await self._receive(response, spool, kind, begun)
                return
        raise CustomerError(
            11215, f"more than {_MAX_REDIRECTS} redirects, the last to {place(url)}"
        )

    async def _receive(
        self, response: httpx.Response, spool: Spool, kind: str, begun: asyncio.Future[str]
    ) -> None:
        if "content-encoding" not in response.headers:
            size = response.headers.get("content-length", "")
            spool.size = int(size) if size.isdecimal() else None
        if not begun.done():
            begun.set_result(kind)
        async for part in response.aiter_bytes():
            if spool.written + len(part) > self._max_bytes:
                raise CustomerError(
                    11200,
                    f"{place(str(response.url))} is larger than {self._max_bytes} bytes",
                    "play a shorter or compressed recording",
                )
            await spool.write(part)


def _scheme(url: str) -> str:
    """The scheme of a URL that has one and is whole; of anything else "none"."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "none"
    return parts.scheme if parts.hostname or parts.scheme in ("", "file") else "none"


class _Source(Protocol):
    """Audio that can be decoded again and again."""

    def pieces(self) -> Iterator[bytes]:
        """Once through, blocking. Raises CustomerError."""

    def abort(self) -> None:
        """End what `pieces` may be waiting for."""


class _FileSource:
    def __init__(self, path: Path) -> None:
        self._path = path

    def pieces(self) -> Iterator[bytes]:
        from bridge.sound.decoding import decode  # noqa: PLC0415 -- slow to begin: in its thread

        try:
            with self._path.open("rb") as file:
                yield from decode(file, str(self._path))
        except (OSError, ValueError) as error:
            if isinstance(error, AudioError):
                raise CustomerError(13420, str(error), "play a file such as WAV or MP3") from error
            raise CustomerError(11200, f"{self._path} cannot be read: {error}") from error

    def abort(self) -> None:
        """A file does not make wait."""


class _SpoolSource:
    def __init__(self, spool: Spool, name: str, content_type: str) -> None:
        self._spool = spool
        self._name = name
        self._content_type = content_type

    def pieces(self) -> Iterator[bytes]:
        from bridge.sound.decoding import decode  # noqa: PLC0415 -- as above

        reader = cast(IO[bytes], SpoolReader(self._spool))
        try:
            yield from decode(reader, self._name, self._content_type, searchable=False)
        except Aborted:
            return
        except AudioError as error:
            # A file that was cut short may be no audio only for that.
            raise self._spool.error or CustomerError(13420, str(error), _ADVICE) from error
        if self._spool.error is not None:
            raise self._spool.error

    def abort(self) -> None:
        self._spool.abort()
