"""A closed-loop HTTP client on bare sockets: every connection asks again as soon as it was answered."""

import select
import socket
import time
from dataclasses import dataclass

_PATIENCE = 15.0  # seconds for what is under way at the end


@dataclass(frozen=True)
class Load:
    """What one run saw. Times in milliseconds; `answered` counts those that were answered after the end, too."""

    per_second: float
    p50: float
    p99: float
    failed: int
    answered: int


def drive(port: int, path: str, body: bytes, connections: int, seconds: float, kind: str = "application/json") -> Load:
    """POST `body` over `connections` connections for `seconds`; every answer but a whole 200 has failed.

    Ends when what is under way is answered, too, so that nothing is left for whoever is measured next.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    poll = select.epoll()
    open_: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    parts: dict[int, bytes] = {}
    clock = time.perf_counter
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(connection.fileno(), select.EPOLLIN)
        open_[connection.fileno()] = connection
    taken: list[float] = []
    failed = answered = 0
    end = clock() + seconds
    for number, connection in open_.items():
        sent[number] = clock()
        connection.sendall(request)
    while sent and clock() < end + _PATIENCE:
        for number, _ in poll.poll(1):
            part = open_[number].recv(1 << 20)
            answer = parts.pop(number, b"") + part
            if part and not _whole(answer):
                parts[number] = answer
                continue
            now = clock()
            began = sent.pop(number)
            is_good = answer.startswith(b"HTTP/1.1 200")
            answered += is_good
            if now < end:
                taken.append(now - began)
                failed += not is_good
            if not part:  # hung up
                poll.unregister(number)
            elif now < end:
                sent[number] = now
                open_[number].sendall(request)
    for connection in open_.values():
        connection.close()
    poll.close()
    taken.sort()
    return Load(len(taken) / seconds, _quantile(taken, 0.5), _quantile(taken, 0.99), failed + len(sent), answered)


def _whole(answer: bytes) -> bool:
    head, found, content = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    lines = head.lower().split(b"\r\n")
    length = next((line for line in lines if line.startswith(b"content-length:")), None)
    return len(content) >= int(length.partition(b":")[2]) if length else content.endswith(b"0\r\n\r\n")  # chunked


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(len(ordered) * share)] * 1000 if ordered else float("nan")
