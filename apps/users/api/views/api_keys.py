"""The API keys of the caller's organization."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.users import services
from apps.users.api import schema
from apps.users.api.serializers import (
    CreateApiKeyBody,
    describe_api_key,
    describe_new_api_key,
)
from apps.users.models import ApiKey
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.pages import paginate
from notifier.api.views import ApiView, principal_of


class ApiKeysView(ApiView):
    scopes = {"GET": "admin", "POST": "admin"}

    @schema.list_api_keys
    def get(self, request: Request) -> HttpResponse:
        keys = ApiKey.objects.filter(organization_id=principal_of(request).organization_id)
        page, meta = paginate(request, keys)
        return answer([describe_api_key(key) for key in page], meta=meta)

    @schema.create_api_key
    def post(self, request: Request) -> HttpResponse:
        caller, body = principal_of(request), read_body(request, CreateApiKeyBody)
        key, secret = services.create_api_key(
            organization_id=caller.organization_id,
            name=body.name,
            scopes=body.scopes,
            mode=body.mode,
            created_by_id=caller.user_id,
            expires_at=body.expires_at,
            now=timezone.now(),
        )
        return answer(describe_new_api_key(key, secret), "API key created", status=201)


class ApiKeyView(ApiView):
    scopes = {"DELETE": "admin"}

    @schema.revoke_api_key
    def delete(self, request: Request, key_id: UUID) -> HttpResponse:
        key = services.revoke_api_key(
            organization_id=principal_of(request).organization_id,
            key_id=key_id,
            now=timezone.now(),
        )
        return answer(describe_api_key(key), "API key revoked")
