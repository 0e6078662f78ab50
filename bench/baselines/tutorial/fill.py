"""Queues the tutorial's tasks: `python -m bench.baselines.tutorial.fill NUMBER`."""

import sys

from bench.baselines.tutorial.celery_app import send_order_mail

if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        send_order_mail.delay(f"tutorial-{number}")
