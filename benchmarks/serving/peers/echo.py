"""JSON in, JSON out, on the same stack: what would be left if scoring and logging cost nothing. `echo.py PORT`"""

import sys
from typing import Any

import msgspec
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server


class Echo:
    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        content = msgspec.json.decode(await protocol())
        protocol.response_bytes(200, [("content-type", "application/json")], msgspec.json.encode(content))


if __name__ == "__main__":
    port = int(sys.argv[1])
    server = Server(Echo(), "127.0.0.1", port, interface=Interfaces.RSGI, log_enabled=False, websockets=False)
    uvloop.run(server.serve())
