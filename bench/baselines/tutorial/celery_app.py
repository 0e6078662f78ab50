"""Celery and send_mail as tutorials show it; no database."""

import os

from celery import Celery
from django.core.mail import send_mail
from django.template import Context, Template

from bench import content

app = Celery("tutorial", broker=os.environ.get("BROKER_URL"))


@app.task
def send_order_mail(mark: str) -> None:
    context = Context(content.build_variables(mark))
    send_mail(
        Template(content.SUBJECT).render(context),
        Template(content.TEXT).render(context),
        content.SENDER,
        ["customer@example.org"],
        html_message=Template(content.HTML).render(context),
    )
