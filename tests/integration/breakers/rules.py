"""The figures that the breaker tests and their worker processes share."""

THRESHOLD = 5
NEVER = 1_000_000  # a threshold that is as good as no breaker
RESET_SECONDS = 1.0
