"""Delivery as a worker does it, with real rows and providers over real sockets."""
