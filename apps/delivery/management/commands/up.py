"""`manage.py up`: everything in one process, for the first five minutes and for small uses."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.delivery.management.embedded import (
    CannotStart,
    bind_port,
    hold_database,
    recover_from_last_run,
    run_everything,
)
from apps.delivery.management.welcome import prepare_demo, print_welcome
from notifier.configuration import PRODUCTION

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Run web, relay and workers in this process on embedded defaults."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-demo", action="store_true", help="start without demo data")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_EMBEDDED:
            raise CommandError("BROKER_URL is set: run the roles as processes (make stack)")
        address = f"http://{HOST}:{options['port']}"
        try:
            listener = bind_port(HOST, options["port"])
            lock = hold_database(address=address)
        except CannotStart as error:
            raise CommandError(str(error)) from error
        if not os.environ.get("PUBLIC_URL"):
            settings.PUBLIC_URL = address  # its default knows nothing of --port
        with lock:
            self._run(listener, options)

    def _run(self, listener: Any, options: dict[str, Any]) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        recovered = recover_from_last_run()
        wants_demo = settings.NOTIFIER_ENV != PRODUCTION and not options["no_demo"]
        demo = prepare_demo() if wants_demo else None
        print_welcome(self.stdout, port=options["port"], demo=demo, recovered=recovered)
        exit_code = run_everything(listener)
        self.stdout.write("Stopped. What was accepted is kept: make up takes it up again.")
        sys.exit(exit_code)
