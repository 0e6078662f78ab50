"""The views of the notification routes, by what a client wants to do."""
