"""What a Parquet file holds once its pages are decompressed, to be searched as bytes.

Reading a table shows the values of its rows. A dictionary, or a page that no row refers to, may hold more than that. So
the pages are taken apart here as they lie in the file, by the format alone.

References
----------
Apache Parquet, `parquet.thrift` (PageHeader) and "Data Pages"; Apache Thrift, "Thrift compact protocol".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from peelian.errors import DataError

__all__ = ["MAGIC", "pages"]

MAGIC = b"PAR1"

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_V2_HEADER, _LEVELS, _COMPRESSED = 8, (5, 6), 7
_CODECS = {"LZ4": "lz4_raw"}
_DEEPEST = 16


class _Compact:
    """Reads the compact protocol, as much of it as page headers have."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def number(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            msg = "a page header is nested too deep"
            raise ValueError(msg)
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self.byte()
        if kind in (_I16, _I32, _I64):
            return self.number()
        if kind in (_DOUBLE, _BINARY):
            size = 8 if kind == _DOUBLE else self.varint()
            self.position += size
            return None
        if kind in (_LIST, _SET):
            head = self.byte()
            size = head >> 4 if head >> 4 < 15 else self.varint()
            inner = head & 0x0F
            return [
                self.byte() if inner in (_TRUE, _FALSE) else self.value(inner, depth + 1) for _ in range(size)
            ]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        msg = f"a page header has a value of the kind {kind}"
        raise ValueError(msg)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        last = 0
        while head := self.byte():
            last = last + (head >> 4) if head >> 4 else self.number()
            fields[last] = self.value(head & 0x0F, depth)
        return fields


def pages(data: bytes) -> Iterator[bytes]:
    """The pages of a Parquet file, dictionaries too, each decompressed.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        metadata = pq.read_metadata(pa.BufferReader(data))
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                yield from _pages_of(data, metadata.row_group(group).column(number))
    except (OSError, ValueError, IndexError, KeyError, pa.ArrowException) as error:
        msg = f"a Parquet file can't be taken apart: {error}"
        raise DataError(msg, hint="restore it from a backup") from error


def _pages_of(data: bytes, column: Any) -> Iterator[bytes]:
    offsets = [column.data_page_offset]
    if column.has_dictionary_page and column.dictionary_page_offset:
        offsets.append(column.dictionary_page_offset)
    position = min(offsets)
    end = position + column.total_compressed_size
    while position < end:
        reader = _Compact(data, position)
        header = reader.struct()
        body = data[reader.position : reader.position + header[3]]
        yield _plain(body, header, column.compression)
        position = reader.position + header[3]


def _plain(body: bytes, header: dict[int, Any], codec: str) -> bytes:
    second = header.get(_V2_HEADER)
    # The levels of a page of version 2 lie before its values and are never compressed.
    levels = 0 if second is None else sum(second.get(field, 0) for field in _LEVELS)
    stored = codec == "UNCOMPRESSED" or (second is not None and not second.get(_COMPRESSED, True))
    size = header[2] - levels
    if stored or size == 0:
        return body
    name = _CODECS.get(codec, codec.lower())
    return body[:levels] + bytes(
        pa.Codec(name).decompress(body[levels:], decompressed_size=size, asbytes=True)
    )
