"""Counts of processes that ended stay counted, in files whose number does not grow."""

import os
import subprocess
import sys
from pathlib import Path

# Twenty processes count and end, one after the other, while two threads scrape all the time.
PROGRAM = """
import os, threading
from prometheus_client import Counter, generate_latest
from notifier.metric_files import DIRECTORY, merge_ended, open_registry

counter = Counter("counted", "Of this test", ["kind"])
registry, ended, seen = open_registry(), threading.Event(), []

def read():
    lines = generate_latest(registry).decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("counted_total"))

def scrape(totals):
    while not ended.is_set():
        totals.append(read())

threads = [threading.Thread(target=scrape, args=[seen.append([]) or seen[-1]]) for _ in range(2)]
[thread.start() for thread in threads]
for _ in range(20):
    if not (child := os.fork()):
        [counter.labels(kind).inc() for kind in "ab" * 50]
        os._exit(0)
    os.waitpid(child, 0)
    merge_ended()
ended.set()
[thread.join() for thread in threads]
for totals in seen:
    assert totals == sorted(totals), "a scrape saw less than the one before"
    assert len(totals) > 3
assert read() == 20 * 100, read()
print(len(list(DIRECTORY.glob("*.db"))))
"""


# A child is made while another thread of its parent merges.
FORKED = """
import os, signal
from notifier.metric_files import DIRECTORY, _alone_in, merge_ended

signal.alarm(20)
with _alone_in(DIRECTORY):
    if not (child := os.fork()):
        signal.alarm(10)
        merge_ended()
        os._exit(0)
merge_ended()
assert os.waitpid(child, 0)[1] == 0, "the child waited for its own copy of the lock"
"""


def run(program: str, directory: Path) -> str:
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", program],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_ended_processes_counted_is_kept_in_few_files(tmp_path: Path) -> None:
    assert int(run(PROGRAM, tmp_path)) <= 2  # the parent's own, and that of all who ended


def test_a_child_that_is_forked_during_a_merge_holds_up_nobody(tmp_path: Path) -> None:
    run(FORKED, tmp_path)
