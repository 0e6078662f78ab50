"""The one error of the local commands."""


class CannotRun(Exception):
    """What hinders a local command, as the line or few that it prints before it ends with 1."""
