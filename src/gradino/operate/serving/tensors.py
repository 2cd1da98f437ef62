"""Tensors of the Open Inference Protocol v2, as JSON and in its binary extension, and numpy arrays.

https://github.com/kserve/open-inference-protocol, https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.schema import BadInput, Problem

DATATYPES = {
    "BOOL": np.dtype("?"),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    "BYTES": np.dtype(object),
}
_MOST_DIMENSIONS = 2


class Tensor(msgspec.Struct):
    """One input of a request. Its data lie in `data`, or behind the JSON when it says how many bytes of them."""

    name: str
    shape: list[Annotated[int, msgspec.Meta(ge=0, le=2**31)]]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class Output(msgspec.Struct, omit_defaults=True):
    """One output of an answer."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


def read(tensors: Sequence[Tensor], binary: bytes) -> dict[str, NDArray[Any]]:
    """Arrays by name, each of shape (rows,) or (rows, k); raises BadInput."""
    found: dict[str, NDArray[Any]] = {}
    at = 0
    for tensor in tensors:
        if tensor.name in found:
            raise BadInput(Problem("there are two inputs of this name", field=tensor.name))
        if tensor.datatype not in DATATYPES:
            raise _refused(tensor, f"the datatype {tensor.datatype} is none of {', '.join(DATATYPES)}")
        if not 1 <= len(tensor.shape) <= _MOST_DIMENSIONS:
            raise _refused(tensor, "the shape is not [rows] or [rows, columns]")
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            values = _of_json(tensor)
        else:
            if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) - at:
                raise _refused(tensor, "there are not as many bytes behind the JSON as binary_data_size says")
            values = _of_bytes(tensor, binary[at : at + size])
            at += size
        if len(values) != math.prod(tensor.shape):
            raise _refused(tensor, f"{len(values)} values do not make the shape {tensor.shape}")
        found[tensor.name] = values.reshape(tensor.shape)
    if at != len(binary):
        raise BadInput(Problem(f"{len(binary) - at} bytes behind the JSON belong to no input"), 400)
    return found


def output(name: str, values: Sequence[Any], binary: bool) -> tuple[Output, bytes]:
    """An output of shape (rows,), and what of it goes behind the JSON."""
    datatype = _datatype(values)
    if not binary:
        return Output(name, [len(values)], datatype, list(values)), b""
    if datatype == "BYTES":
        packed = b"".join(len(text).to_bytes(4, "little") + text for text in (str(v).encode() for v in values))
    else:
        packed = np.array(values, dtype=DATATYPES[datatype]).tobytes()
    return Output(name, [len(values)], datatype, None, {"binary_data_size": len(packed)}), packed


def _datatype(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {bool}:
        return "BOOL" if kinds else "FP64"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds <= {float, int, type(None)} else "BYTES"


def _of_json(tensor: Tensor) -> NDArray[Any]:
    flat = list(_flat(tensor))
    dtype = DATATYPES[tensor.datatype]
    types = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float), "O": (str,)}[dtype.kind]
    for i, value in enumerate(flat):
        if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and dtype.kind != "b")):
            raise BadInput(Problem(f"`{type(value).__name__}` in a tensor of {tensor.datatype}", i, tensor.name))
    if None in flat:
        return np.array(flat, dtype=object)
    try:
        return np.array(flat, dtype=dtype)
    except OverflowError:
        raise _refused(tensor, f"a number does not fit into {tensor.datatype}") from None


def _flat(tensor: Tensor) -> Iterator[Any]:
    for value in tensor.data or ():
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _of_bytes(tensor: Tensor, packed: bytes) -> NDArray[Any]:
    dtype = DATATYPES[tensor.datatype]
    if dtype.kind == "O":
        return np.array(list(_texts(tensor, packed)), dtype=object)
    if len(packed) % dtype.itemsize:
        raise _refused(tensor, f"{len(packed)} bytes are no whole number of {tensor.datatype}")
    if dtype.kind == "b" and (np.frombuffer(packed, np.uint8) > 1).any():
        raise _refused(tensor, "a BOOL is 0 or 1")
    return np.frombuffer(packed, dtype)


def _texts(tensor: Tensor, packed: bytes) -> Iterator[str]:
    """Each has its length before it, u32 little-endian."""
    at = 0
    while at < len(packed):
        end = at + 4 + int.from_bytes(packed[at : at + 4], "little")
        if end > len(packed) or at + 4 > len(packed):
            raise _refused(tensor, "a text ends behind the data")
        try:
            yield packed[at + 4 : end].decode()
        except UnicodeDecodeError:
            raise _refused(tensor, "a text is not UTF-8") from None
        at = end


def _refused(tensor: Tensor, reason: str) -> BadInput:
    return BadInput(Problem(reason, field=tensor.name))
