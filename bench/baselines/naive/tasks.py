"""The task of the straightforward app: one mail, one connection, the ORM."""

from celery import shared_task
from django.core.mail import EmailMultiAlternatives
from django.template import Context, Template

from bench.baselines.naive.models import Event, Notification
from bench.content import SENDER


@shared_task
def send_notification(notification_id: str) -> None:
    notification = Notification.objects.select_related("user", "template").get(pk=notification_id)
    template = notification.template
    context = Context(notification.variables)
    mail = EmailMultiAlternatives(
        Template(template.subject).render(context),
        Template(template.text).render(context),
        SENDER,
        [notification.user.email],
    )
    mail.attach_alternative(Template(template.html).render(context), "text/html")
    mail.send()
    notification.status = "sent"
    notification.save()
    Event.objects.create(notification=notification, status="sent")
