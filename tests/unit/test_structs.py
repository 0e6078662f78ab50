"""Structs that several threads read for the first time at once."""

import subprocess
import sys

# In a process of its own: without the lock it ends with a segmentation fault.
PROGRAM = """
import sys
import threading
import msgspec
from notifier.structs import convert, decoder_of

def make_struct():
    class Inner(msgspec.Struct, kw_only=True):
        a: str | None = None
        b: dict[str, object] | None = None
        c: list[str] | None = None

    class Outer(msgspec.Struct, kw_only=True):
        x: str | None = None
        y: Inner | None = None
        z: dict[str, object] = {}
        w: list[str] = []

    return Outer

RAW = b'{"x": "1", "y": {"a": "1", "b": {"k": 1}, "c": ["a"]}, "z": {"a": 1}, "w": ["q"]}'

def read(struct, begin, read_by):
    begin.wait()
    read_by.append(decoder_of(struct).decode(RAW).y.a + convert({"x": "2"}, struct).x)

sys.setswitchinterval(1e-6)
for _ in range(1500):
    struct, begin, read_by = make_struct(), threading.Barrier(8), []
    threads = [threading.Thread(target=read, args=(struct, begin, read_by)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_by == ["12"] * 8, read_by
"""


def test_threads_that_read_a_new_struct_at_once_do_not_end_the_process() -> None:
    done = subprocess.run(  # noqa: S603  # constant
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
