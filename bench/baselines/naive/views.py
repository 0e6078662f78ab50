"""The views of the straightforward app, as a tutorial would write them."""

from django.contrib.auth.models import User
from django.db import transaction
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.baselines.naive.models import Event, MailTemplate, Notification, Preference
from bench.baselines.naive.serializers import BulkSerializer, NotificationSerializer
from bench.baselines.naive.tasks import send_notification


class NotificationView(APIView):
    def post(self, request: Request) -> Response:
        serializer = NotificationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        earlier = Notification.objects.filter(request_id=data["request_id"]).first()
        if earlier is not None:
            return Response({"notification_id": str(earlier.pk), "status": earlier.status})
        notification = store(data, data["template_code"])
        send_notification.apply_async(args=(str(notification.pk),))
        answer = {"notification_id": str(notification.pk), "status": notification.status}
        return Response(answer, status=status.HTTP_202_ACCEPTED)


class BulkView(APIView):
    """Row by row in one transaction, and one message for each."""

    def post(self, request: Request) -> Response:
        serializer = BulkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        with transaction.atomic():
            stored = [store(row, data["template_code"]) for row in data["recipients"]]
        for notification in stored:
            send_notification.apply_async(args=(str(notification.pk),))
        return Response({"accepted": len(stored)}, status=status.HTTP_202_ACCEPTED)


def store(data: dict[str, object], template_code: str) -> Notification:
    user = get_object_or_404(User, pk=data["user_id"])
    preference = get_object_or_404(Preference, user=user)
    notification = Notification.objects.create(
        user=user,
        template=get_object_or_404(MailTemplate, code=template_code),
        variables=data["variables"],
        request_id=str(data["request_id"]),
        status="pending" if preference.email else "skipped",
    )
    Event.objects.create(notification=notification, status=notification.status)
    return notification
