"""The API keys of the caller's organization."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.users import services
from apps.users.api import schema
from apps.users.api.serializers import (
    CreateApiKeyBody,
    RotateApiKeyBody,
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
        caller.require_mode(body.mode)
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
        organization_id = require_own_mode(request, key_id)
        key = services.revoke_api_key(
            organization_id=organization_id, key_id=key_id, now=timezone.now()
        )
        return answer(describe_api_key(key), "API key revoked")


class RotateApiKeyView(ApiView):
    scopes = {"POST": "admin"}

    @schema.rotate_api_key
    def post(self, request: Request, key_id: UUID) -> HttpResponse:
        body = read_body(request, RotateApiKeyBody) if request.body else RotateApiKeyBody()
        key, secret = services.rotate_api_key(
            organization_id=require_own_mode(request, key_id),
            key_id=key_id,
            grace=timedelta(seconds=body.grace_seconds),
            now=timezone.now(),
        )
        return answer(describe_new_api_key(key, secret), "API key rotated")


def require_own_mode(request: Request, key_id: UUID) -> UUID:
    """Return the caller's organization; a test key has no say over a live one.

    Raises NotFound and PermissionDenied.
    """
    caller = principal_of(request)
    key = services.find_api_key(organization_id=caller.organization_id, key_id=key_id)
    caller.require_mode(key.mode)
    return caller.organization_id
