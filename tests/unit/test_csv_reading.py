"""Reading CSV files of recipients: what spreadsheets write, and what nobody can send."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.services.csv_reading import CsvRow, inspect_csv, read_rows
from notifier.addresses import normalise_email
from notifier.errors import InvalidRequest
from notifier.plain_addresses import is_plain_email
from notifier.sql_arrays import encode_array


def read(content: bytes) -> list[CsvRow]:
    file = io.BytesIO(content)
    found = inspect_csv(file)
    rows = list(read_rows(file, names=found.names, delimiter=found.delimiter))
    assert len(rows) == found.rows
    return rows


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_spreadsheets_write_is_read(mark: bytes, delimiter: bytes, end: bytes) -> None:
    lines = [
        delimiter.join(cells)
        for cells in (
            (b"email", b"name"),
            (b"ada@example.org", '"Ada, ""Zoë""'.encode() + b"\n" + b'Lovelace; 1"'),
            (b"", b""),
            (b"bob@example.org", b"Bob"),
        )
    ]
    rows = read(mark + end.join(lines) + end + end)
    assert [(row.line, *row.fields) for row in rows] == [
        (2, "ada@example.org", 'Ada, "Zoë"\nLovelace; 1'),
        (5, "bob@example.org", "Bob"),
    ]


def test_a_row_of_another_length_is_told_and_fails_no_other() -> None:
    rows = read(b"email,name\na@example.org\nb@example.org,B,C\nc@example.org,C\n")
    assert [row.fault for row in rows] == [
        "1 fields, but the header has 2",
        "3 fields, but the header has 2",
        "",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1: no header"),
        (b"\nemail\n", "line 1: no header"),
        (b"name,link\nA,B\n", "line 1: no column says to whom"),
        (b"push_token\nA\n", "line 1: no column says to whom"),
        (b"email,\nA,B\n", "line 1: column 2 has no name"),
        (b"email,a,a\nA,B,C\n", "line 1: two columns are named a"),
        (b"email," + b"".join(b"c%d," % n for n in range(300)) + b"z\n", "more than 200 columns"),
        (b"email\n\n", "no rows below its header"),
        (b"email\na@example.org\n\xff\n", "line 3: not UTF-8 (byte 1 of the line)"),
        ("email\na@example.org\n".encode("utf-16"), "line 1: "),
        (b"email,x\na@example.org,a\0b\n", "line 2: NUL"),
        (b'email,x\na@example.org,"open\nb@example.org,c\n', "line 2: unexpected end of data"),
        (b'email,x\na@example.org,"a"b\n', "line 2: "),
        (b"email,x\na@example.org," + b"x" * 140_000 + b"\n", "line 2: field larger"),
        (b"email,x\na@example.org," + b"x" * 1_100_000 + b"\n", "line 2: longer than 1024 KiB"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_refused_with_the_line(
    content: bytes, told: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(content)
    assert told in refused.value.message


def test_too_many_rows_are_refused_where_there_is_a_limit() -> None:
    with pytest.raises(InvalidRequest, match="3 rows; at most 2"):
        inspect_csv(io.BytesIO(b"email\na\nb\nc\n"), most_rows=2)


@given(st.from_regex(r"[A-Za-z0-9.+_-]{1,70}@[a-z0-9.-]{1,70}\.[a-z]{1,8}", fullmatch=True))
def test_a_plain_address_is_one_that_a_full_validation_leaves_as_it_is(text: str) -> None:
    if is_plain_email(text):
        assert normalise_email(text) == text


def test_arrays_keep_quotes_backslashes_and_control_characters_apart() -> None:
    assert encode_array(["a", None, 'q"', "b\\", "{,}"]) == '{"a",null,"q\\"","b\\\\","{,}"}'
    assert encode_array(["a\n\x01", None, 'q"']) == '{"a\n\x01",NULL,"q\\""}'
    assert encode_array([]) == "{}"
