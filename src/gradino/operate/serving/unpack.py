"""Unpacks what is compressed, as a process of its own: `python -I unpack.py MOST_ROWS MOST_BYTES`.

A few kilobytes of Parquet can unpack to terabytes, by compression, by dictionaries, by delta encodings. Here that ends
this process and nothing else: it may take 512 MiB of memory and no more. It imports nothing of gradino and is fed by
`Unpacker`. In, until the end of file: `length u32 | kind u8 | body`; out: `length u32 | said u8 | Arrow stream or
reason`.
"""

import resource
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HEAD = struct.Struct("<IB")
PARQUET, ARROW = 0, 1
UNPACKED, REFUSED, TOO_LARGE = 0, 1, 2
_MEMORY = 512 * 1024**2


class _TooLarge(Exception): ...  # noqa: N818  # it is an answer, not a fault


def _unpacked(kind: int, body: bytes, most_rows: int, most_bytes: int) -> bytes:
    sink = pa.BufferOutputStream()
    rows = size = 0
    source = pa.BufferReader(body)
    if kind == PARQUET:
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 16)
        schema = file.schema_arrow
        batches = file.iter_batches(batch_size=1024, use_threads=False)
    else:
        batches = pa.ipc.open_stream(source)
        schema = batches.schema
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            rows += batch.num_rows
            size += batch.nbytes
            if rows > most_rows or size > most_bytes:
                raise _TooLarge
            stream.write_batch(batch)
    return bytes(sink.getvalue())


def main() -> None:
    most_rows, most_bytes = map(int, sys.argv[1:])
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    pa.set_cpu_count(1)
    while head := sys.stdin.buffer.read(HEAD.size):
        length, kind = HEAD.unpack(head)
        try:
            said, answer = UNPACKED, _unpacked(kind, sys.stdin.buffer.read(length), most_rows, most_bytes)
        except (_TooLarge, MemoryError):
            said, answer = TOO_LARGE, b""
        except Exception as error:  # noqa: BLE001  # whatever the body made the reader say
            said, answer = REFUSED, str(error).encode()
        sys.stdout.buffer.write(HEAD.pack(len(answer), said) + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
