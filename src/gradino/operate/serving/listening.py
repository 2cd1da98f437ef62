"""The socket and the encryption of a scoring server: what is checked once, before any worker begins."""

import resource
import socket
import ssl
from typing import Any

from granian._granian import SocketHolder
from granian.constants import Interfaces
from granian.server.embed import Server

from gradino.errors import ServiceError
from gradino.operate.project.config import Serving

_BACKLOG = 2048
# Connections that one worker holds open. Granian counts idle ones, and at its default of 128 stops to accept any.
_CONNECTIONS = 8192


class SharedServer(Server):
    """Granian in this process, on a socket that outlives it: what arrives while a worker is replaced waits there."""

    def __init__(self, listener: socket.socket, serving: Serving, target: object) -> None:
        host, port, *_ = listener.getsockname()
        super().__init__(
            target,
            host,
            port,
            interface=Interfaces.RSGI,
            log_enabled=False,
            websockets=False,
            backpressure=_CONNECTIONS,
            ssl_cert=serving.certificate,
            ssl_key=serving.key,
            ssl_ca=serving.clients,
            ssl_client_verify=serving.clients is not None,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder
        self._shd = holder(self._listener.fileno(), False, _BACKLOG)


def listen(port: int, host: str) -> socket.socket:
    """The socket of all workers of one server; raises ServiceError when it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise ServiceError(
            f"the scoring server cannot have port {port} of {host}: {getattr(error, 'strerror', error)}",
            "stop what uses it, give another one with --port, or another address as `host` in [serving]",
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection is an open file
    return listener


def check_certificate(serving: Serving) -> None:
    """Raises ServiceError when certificate and key cannot be used."""
    if not serving.certificate:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(serving.certificate, serving.key)
        if serving.clients:
            context.load_verify_locations(serving.clients)
    except OSError as error:
        raise ServiceError(
            f"the certificate in [serving] cannot be used: {error}",
            "give PEM files that this process may read: `certificate` with its chain, and its `key`",
        ) from None


class Renewal:
    """Sees when a certificate was renewed on the disk: only a new worker can serve it."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._at = self._changed()

    def due(self) -> bool:
        """Whether there is a new one, and it is whole."""
        if self._changed() == self._at:
            return False
        try:
            check_certificate(self._serving)
        except ServiceError:  # its key is still being written
            return False
        return True

    def _changed(self) -> float | None:
        certificate = self._serving.certificate
        try:
            return certificate.stat().st_mtime if certificate else None
        except FileNotFoundError:
            return None
