"""Users and what they want to receive."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.users import services
from apps.users.api import schema
from apps.users.api.bodies import (
    account_of,
    changes_of,
    password_change_of,
    preference_columns,
)
from apps.users.api.serializers import (
    CreateUserBody,
    PreferencesBody,
    PreferencesChange,
    UpdateUserBody,
    describe_preferences,
    describe_user,
)
from apps.users.models import Role, User, UserQuerySet
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.known_view import KnownView
from notifier.api.limits import limit_attempts
from notifier.api.pages import paginate
from notifier.api.views import ApiView, principal_of
from notifier.authentication import Principal
from notifier.errors import InvalidRequest, NotFound
from notifier.facts import Known

IS_ACTIVE = {"true": True, "false": False}


class UsersView(ApiView):
    scopes = {"GET": "users", "POST": "users"}

    @schema.list_users
    def get(self, request: Request) -> HttpResponse:
        page, meta = paginate(request, _filter_users(request))
        return answer([describe_user(user) for user in page], meta=meta)

    @schema.create_user
    def post(self, request: Request) -> HttpResponse:
        account = account_of(read_body(request, CreateUserBody))
        user = services.create_account(caller=principal_of(request), account=account)
        return answer(describe_user(user), "User created", status=201)


class CreateAccountView(UsersView):
    http_method_names = ["post", "options"]

    @schema.create_account
    def post(self, request: Request) -> HttpResponse:
        return super().post(request)


class UserView(KnownView):
    """One user, as the user itself and those with the scope `users` see it."""

    def recall(self, caller: Principal, **kwargs: Any) -> Known[Any] | None:
        return services.recall_account(caller=caller, user_id=kwargs["user_id"])

    def describe(self, value: Any) -> Any:
        return describe_user(value)

    @schema.get_user
    def get(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        user = services.find_user(caller=principal_of(request), user_id=user_id)
        return answer(describe_user(user))

    @schema.update_user
    def patch(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        body = read_body(request, UpdateUserBody)
        password = password_change_of(body)
        with _limit_guesses(request, user_id) if password else nullcontext():
            user = services.update_account(
                caller=principal_of(request),
                user_id=user_id,
                changes=changes_of(body),
                password=password,
                now=timezone.now(),
            )
        return answer(describe_user(user), "User changed")

    @schema.erase_user
    def delete(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        services.erase_user(caller=principal_of(request), user_id=user_id, now=timezone.now())
        return answer(None, "User erased")


class ExportView(ApiView):
    @schema.export_user
    def get(self, request: Request, user_id: UUID) -> HttpResponse:
        return answer(services.export_user(caller=principal_of(request), user_id=user_id))


class UserByEmailView(ApiView):
    @schema.get_user_by_email
    def get(self, request: Request, email: str) -> HttpResponse:
        user = services.find_user_by_email(caller=principal_of(request), email=email)
        return answer(describe_user(user))


class MeView(ApiView):
    @schema.get_me
    def get(self, request: Request) -> HttpResponse:
        caller = principal_of(request)
        if caller.user_id is None:
            raise NotFound("an API key is nobody")
        user = services.find_user(caller=caller, user_id=caller.user_id)
        return answer(describe_user(user))


class PreferencesView(ApiView):
    @schema.get_preferences
    def get(self, request: Request, user_id: UUID) -> HttpResponse:
        user = services.find_user(caller=principal_of(request), user_id=user_id)
        return answer(describe_preferences(user))

    @schema.set_preferences
    def put(self, request: Request, user_id: UUID) -> HttpResponse:
        return self._write(request, user_id, read_body(request, PreferencesBody))

    @schema.change_preferences
    def patch(self, request: Request, user_id: UUID) -> HttpResponse:
        return self._write(request, user_id, read_body(request, PreferencesChange))

    def _write(
        self, request: Request, user_id: UUID, body: PreferencesBody | PreferencesChange
    ) -> HttpResponse:
        user = services.update_account(
            caller=principal_of(request),
            user_id=user_id,
            changes=preference_columns(body),
            now=timezone.now(),
        )
        return answer(describe_preferences(user), "Preferences changed")


def _limit_guesses(request: HttpRequest, user_id: UUID) -> AbstractContextManager[None]:
    """Whoever has stolen an access token may not try out passwords with it."""
    return limit_attempts(
        request, account=str(user_id), failures=(InvalidRequest,), by_address=False
    )


def _filter_users(request: Request) -> UserQuerySet:
    users = User.objects.in_organization(principal_of(request).organization_id).living()
    if email := request.GET.get("email"):
        users = users.with_email(email)
    if role := request.GET.get("role"):
        _require_choice("role", role, Role.values)
        users = users.filter(role=role)
    if is_active := request.GET.get("is_active"):
        _require_choice("is_active", is_active, list(IS_ACTIVE))
        users = users.filter(is_active=IS_ACTIVE[is_active])
    return users


def _require_choice(name: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        raise InvalidRequest.of_field(name, f"one of {', '.join(choices)}")
