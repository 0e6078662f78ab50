"""The use cases of the worker side: deliver, route dead letters, keep what cannot be read."""
