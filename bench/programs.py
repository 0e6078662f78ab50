"""The programs that benchmarks need besides the servers: wrk, and Postfix's smtp-sink."""

import shutil
import subprocess

from deploy.local.packages import POSTGRES, RABBITMQ, REDIS, ServerPackage, install_missing

# Postfix asks at its installation what kind of mail server it is to be: none at all.
POSTFIX_ANSWER = "postfix postfix/main_mailer_type select No configuration\n"


class ProgramPackage(ServerPackage):
    """A program that is found by PATH; `title` is its name there."""

    def is_missing(self) -> bool:
        return shutil.which(self.title) is None


WRK = ProgramPackage("wrk", "wrk")
SMTP_SINK = ProgramPackage("smtp-sink", "postfix")


def require_programs(programs: frozenset[ProgramPackage]) -> None:
    """Install the servers and `programs` where they are missing; no service is started.

    Raises CannotRun, with the command that installs them, where this user may not.
    """
    if SMTP_SINK in programs and SMTP_SINK.is_missing():
        _answer_postfix()
    install_missing([POSTGRES, RABBITMQ, REDIS, *programs])


def _answer_postfix() -> None:
    setter = shutil.which("debconf-set-selections")
    if setter:
        subprocess.run([setter], input=POSTFIX_ANSWER, text=True, check=False)  # noqa: S603  # constant
