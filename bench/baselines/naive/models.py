"""The tables of the straightforward app.

They have no __str__ (DJ008): there is no admin that would show them.
"""

import uuid
from typing import ClassVar

from django.contrib.auth.models import User
from django.db import models


class Preference(models.Model):  # noqa: DJ008  # see above
    user = models.OneToOneField(User, models.CASCADE)
    email = models.BooleanField(default=True)
    push = models.BooleanField(default=True)

    objects: ClassVar[models.Manager["Preference"]] = models.Manager()


class MailTemplate(models.Model):  # noqa: DJ008  # see above
    code = models.CharField(max_length=100, unique=True)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()

    objects: ClassVar[models.Manager["MailTemplate"]] = models.Manager()


class Notification(models.Model):  # noqa: DJ008  # see above
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, models.CASCADE)
    template = models.ForeignKey(MailTemplate, models.PROTECT)
    variables = models.JSONField()
    request_id = models.CharField(max_length=255, unique=True)
    priority = models.IntegerField(default=5)
    status = models.CharField(max_length=20, default="pending", db_index=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects: ClassVar[models.Manager["Notification"]] = models.Manager()


class Event(models.Model):  # noqa: DJ008  # see above
    notification = models.ForeignKey(Notification, models.CASCADE)
    status = models.CharField(max_length=20)
    at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Event"]] = models.Manager()
