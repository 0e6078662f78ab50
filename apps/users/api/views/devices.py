"""The devices of a user."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.users import services
from apps.users.api import schema
from apps.users.api.serializers import RegisterDeviceBody, describe_device
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.pages import paginate
from notifier.api.views import ApiView, principal_of


class DevicesView(ApiView):
    @schema.list_devices
    def get(self, request: Request, user_id: UUID) -> HttpResponse:
        user = services.find_user(caller=principal_of(request), user_id=user_id)
        page, meta = paginate(request, user.devices.all())
        return answer([describe_device(device) for device in page], meta=meta)

    @schema.register_device
    def post(self, request: Request, user_id: UUID) -> HttpResponse:
        user = services.find_changeable_user(caller=principal_of(request), user_id=user_id)
        body = read_body(request, RegisterDeviceBody)
        device = services.register_device(
            organization_id=user.organization_id,
            user_id=user.pk,
            token=body.token,
            platform=body.platform,
            now=timezone.now(),
        )
        return answer(describe_device(device), "Device registered", status=201)


class DeviceView(ApiView):
    @schema.delete_device
    def delete(self, request: Request, user_id: UUID, device_id: UUID) -> HttpResponse:
        user = services.find_changeable_user(caller=principal_of(request), user_id=user_id)
        services.delete_device(user=user, device_id=device_id)
        return answer(None, "Device removed")
