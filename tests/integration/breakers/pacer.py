"""A worker of the rate tests: takes places within a shared rate and prints when, one a line.

`python -m tests.integration.breakers.pacer REDIS_URL COUNT SECONDS`.
"""

import sys
import time

from notifier.rate import RateLimiter
from notifier.shared_state import open_shared_state


def main() -> None:
    redis_url, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    limiter = RateLimiter("paced", count=count, seconds=1, shared=open_shared_state(redis_url))
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        place = limiter.acquire(longest_wait=1)
        time.sleep(place.wait)
        if place.is_taken:
            sys.stdout.write(f"{time.time()}\n")


if __name__ == "__main__":
    main()
