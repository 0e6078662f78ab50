"""The bodies of the straightforward app."""

from typing import Any

from rest_framework import serializers


class RecipientSerializer(serializers.Serializer[Any]):
    user_id = serializers.IntegerField()
    variables = serializers.DictField(child=serializers.CharField())
    request_id = serializers.CharField(max_length=255)


class NotificationSerializer(RecipientSerializer):
    notification_type = serializers.ChoiceField(choices=["email", "push"])
    template_code = serializers.CharField(max_length=100)
    priority = serializers.IntegerField(min_value=1, max_value=10, default=5)


class BulkSerializer(serializers.Serializer[Any]):
    notification_type = serializers.ChoiceField(choices=["email", "push"])
    template_code = serializers.CharField(max_length=100)
    recipients = RecipientSerializer(many=True)
