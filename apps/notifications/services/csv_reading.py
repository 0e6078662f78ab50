"""Reading a CSV file of recipients: strictly, in bounded memory, with the line of every fault.

A file that cannot be read to its end is refused before anything of it is sent; a bad row is only
that row's matter.
"""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from notifier.errors import InvalidRequest

MAX_LINE: Final = 1024 * 1024  # bytes
MAX_COLUMNS: Final = 200
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = (",", ";", "\t")
_ADDRESSES: Final = ({"email"}, {"user_id"}, {"push_token", "platform"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row: the line it begins in, its fields, and what is wrong with it as a whole."""

    line: int
    fields: Sequence[str]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """What a first reading found: the names of the columns, the number of rows, a digest."""

    names: tuple[str, ...]
    delimiter: str
    rows: int
    digest: str


def inspect_csv(file: BinaryIO, *, most_rows: int | None = None) -> CsvFile:
    """Read a whole file; raise InvalidRequest, with the line, unless it can be sent row by row."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(MAX_LINE):
        digest.update(piece)
    names, delimiter = _read_header(file)
    rows = sum(1 for _ in read_rows(file, names=names, delimiter=delimiter))
    if rows == 0:
        raise InvalidRequest("the file has no rows below its header")
    if most_rows is not None and rows > most_rows:
        raise InvalidRequest(f"the file has {rows} rows; at most {most_rows} are taken here")
    return CsvFile(names=names, delimiter=delimiter, rows=rows, digest=digest.hexdigest())


def read_rows(file: BinaryIO, *, names: Sequence[str], delimiter: str) -> Iterator[CsvRow]:
    """Yield the rows below the header; empty ones are left out.

    Raises InvalidRequest for what makes the rest of the file unreadable: bytes that are not
    UTF-8, NUL, a quote that is never closed, a field or line that is too long.
    """
    records = _read_records(file, delimiter)
    next(records)  # the header
    for line, fields in records:
        if any(map(str.strip, fields)):
            yield CsvRow(line=line, fields=fields, fault=_find_fault(fields, names))


def _find_fault(fields: Sequence[str], names: Sequence[str]) -> str:
    if len(fields) == len(names):
        return ""
    return f"{len(fields)} fields, but the header has {len(names)}"


def _read_header(file: BinaryIO) -> tuple[tuple[str, ...], str]:
    file.seek(0)
    delimiter = _sniff_delimiter(next(_read_lines(file), ""))
    _, fields = next(_read_records(file, delimiter), (1, []))
    names = tuple(name.strip() for name in fields)
    _require_names(names)
    return names, delimiter


def _sniff_delimiter(header: str) -> str:
    """Spreadsheets of countries with a decimal comma write semicolons."""
    return max(_DELIMITERS, key=header.count)


def _require_names(names: Sequence[str]) -> None:
    if not any(names):
        raise InvalidRequest("line 1: no header")
    if len(names) > MAX_COLUMNS:
        raise InvalidRequest(f"line 1: more than {MAX_COLUMNS} columns")
    for number, name in enumerate(names, 1):
        if not name:
            raise InvalidRequest(f"line 1: column {number} has no name")
        if name in names[: number - 1]:
            raise InvalidRequest(f"line 1: two columns are named {name[:50]}")
    if not any(needed <= set(names) for needed in _ADDRESSES):
        raise InvalidRequest(
            "line 1: no column says to whom: email, user_id, or push_token and platform"
        )


def _read_records(file: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every record with the line it begins in; `csv` takes 128 Ki characters a field."""
    file.seek(0)
    reader = csv.reader(_read_lines(file), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise InvalidRequest(f"line {line}: {error}") from error
        if fields is None:
            return
        yield line, fields


def _read_lines(file: BinaryIO) -> Iterator[str]:
    number = 0
    while raw := file.readline(MAX_LINE + 1):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        yield _decode_line(raw, number)


def _decode_line(raw: bytes, number: int) -> str:
    if len(raw) > MAX_LINE:
        raise InvalidRequest(f"line {number}: longer than {MAX_LINE // 1024} KiB")
    if b"\0" in raw:
        raise InvalidRequest(f"line {number}: NUL characters; is this a CSV file in UTF-8?")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"line {number}: not UTF-8 (byte {error.start + 1} of the line)"
        ) from error
