"""A push worker on firebase-admin, in chunks of a hundred with one claim and one record each.

All that is slow in a straightforward worker is left out, so that only `send_each` is compared.
"""

import os
from functools import cache
from typing import Any

import firebase_admin
import psycopg
from celery import Celery
from firebase_admin import credentials, messaging
from google.auth.credentials import AnonymousCredentials

from bench import content

TABLES = (
    "CREATE TABLE push (id bigserial PRIMARY KEY, token text, status text DEFAULT 'pending')",
    "CREATE TABLE push_event (id bigserial PRIMARY KEY, push_id bigint NOT NULL, status text)",
)
CLAIM = (
    "UPDATE push SET status = 'sending' WHERE id = ANY(%s) AND status = 'pending'"
    " RETURNING id, token"
)
RECORD = (
    "WITH done AS (UPDATE push SET status = 'sent' WHERE id = ANY(%s) RETURNING id)"
    " INSERT INTO push_event (push_id, status) SELECT id, 'sent' FROM done"
)
app = Celery("send_each", broker=os.environ.get("BROKER_URL"))
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1)


class NoCredentials(credentials.Base):  # type: ignore[misc]  # firebase-admin has no types
    """Nobody checks a token here; the exchange is not what is measured."""

    def get_credential(self) -> Any:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth


@cache
def connect() -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


@cache
def open_firebase() -> firebase_admin.App:
    service = messaging._MessagingService  # noqa: SLF001  # the only way to another endpoint
    service.FCM_URL = f"{os.environ['PUSH_URL']}/v1/projects/{{0}}/messages:send"
    return firebase_admin.initialize_app(NoCredentials(), {"projectId": "bench"})


@app.task
def send_chunk(ids: list[int]) -> None:
    rows = connect().execute(CLAIM, [ids]).fetchall()
    messages = [
        messaging.Message(
            token=token,
            notification=messaging.Notification(title=f"Order {id_}", body=content.PUSH_BODY),
        )
        for id_, token in rows
    ]
    answer = messaging.send_each(messages, app=open_firebase())
    sent = [row[0] for row, result in zip(rows, answer.responses, strict=True) if result.success]
    connect().execute(RECORD, [sent])
