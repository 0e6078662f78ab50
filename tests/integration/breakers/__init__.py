"""Circuit breakers and rate limits on a real Redis, with real processes and providers."""
