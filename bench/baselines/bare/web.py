"""The floor of an accept: a view that inserts one row and publishes one confirmed message."""

import json
import os
import threading
import uuid
from urllib.parse import urlsplit

import amqp
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

QUEUE = "bare"
TABLE = (
    "CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, request_id text NOT NULL UNIQUE,"
    " user_id uuid NOT NULL, body jsonb NOT NULL, status text NOT NULL,"
    " created_at timestamptz NOT NULL DEFAULT now())"
)
INDEX = "CREATE INDEX IF NOT EXISTS bare_newest ON bare (user_id, created_at)"
INSERT = (
    "INSERT INTO bare (id, request_id, user_id, body, status)"
    " VALUES (%s::uuid, %s, %s::uuid, %s::jsonb, 'pending')"
)
_kept = threading.local()


def accept(request: HttpRequest) -> JsonResponse:
    body = json.loads(request.body)
    id_ = str(uuid.uuid4())
    variables = json.dumps(body["variables"])
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [id_, body["request_id"], body["user_id"], variables])
    _get_channel().basic_publish_confirm(
        amqp.Message(json.dumps({"id": id_}), delivery_mode=2), routing_key=QUEUE
    )
    return JsonResponse({"notification_id": id_}, status=202)


def create_table(_request: HttpRequest) -> JsonResponse:
    """Called once before the load."""
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute(INDEX)
    _get_channel()
    return JsonResponse({})


def _get_channel() -> amqp.Channel:
    """Return this thread's channel, with a queue of the same kind as the product's."""
    if not hasattr(_kept, "channel"):
        url = urlsplit(os.environ["BROKER_URL"])
        broker = amqp.Connection(
            f"{url.hostname}:{url.port}", virtual_host=url.path[1:], confirm_publish=True
        )
        broker.connect()
        _kept.broker = broker
        _kept.channel = broker.channel()
        _kept.channel.queue_declare(
            QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"}
        )
    channel: amqp.Channel = _kept.channel
    return channel


urlpatterns = [path("accept", accept), path("table", create_table)]
application = get_wsgi_application()
