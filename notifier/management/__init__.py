"""Commands of the kernel, and what all commands share."""
