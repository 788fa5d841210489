"""The load of a media benchmark where there is no C compiler: it does what native/load.c does.

Commands, events and the meaning of every figure are those of load.c. This costs many times as much,
so what it measures is marked as a lower bound.
"""

from __future__ import annotations

import asyncio
import resource
import sys

from app.bench.pyload.sockets import Socket
from app.bench.pyload.talk import Load, say


async def main() -> None:
    load = Load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Socket(load.calls.get), "127.0.0.1", 0, backlog=4096)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say(type="listening", port=server.sockets[0].getsockname()[1])
    load.turn()
    while line := await reader.readline():
        load.command(line.decode())


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
