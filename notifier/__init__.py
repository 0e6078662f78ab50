"""The kernel: what any app may import. It mentions no app."""
