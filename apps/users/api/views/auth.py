"""Signing up, in and out, and asking whether somebody else's credentials are good."""

from contextlib import suppress

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.users import services
from apps.users.api import schema
from apps.users.api.bodies import account_of
from apps.users.api.serializers import (
    LoginBody,
    RefreshBody,
    RegisterBody,
    ValidateBody,
    describe_tokens,
    describe_validity,
)
from apps.users.models import User
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.limits import charge_caller, limit_attempts
from notifier.api.views import ApiView, PublicView, principal_of
from notifier.errors import (
    Conflict,
    InvalidRequest,
    NotifierError,
    PermissionDenied,
    Unauthenticated,
)


class RegisterView(PublicView):
    @schema.register
    def post(self, request: Request) -> HttpResponse:
        account = account_of(read_body(request, RegisterBody))
        with limit_attempts(request, failures=(Conflict,)):  # which tell who has an account
            user = services.register_account(account=account)
        pair = services.open_session(user=user, now=timezone.now())
        return answer(describe_tokens(pair), "Registered", status=201)


class LoginView(PublicView):
    @schema.login
    def post(self, request: Request) -> HttpResponse:
        body = read_body(request, LoginBody)
        with limit_attempts(request, account=body.email):
            user = services.check_credentials(email=body.email, password=body.password)
        pair = services.open_session(user=user, now=timezone.now())
        return answer(describe_tokens(pair), "Signed in")


class RefreshView(PublicView):
    """Good tokens count for their users, not for the address that an office shares."""

    is_limited = False

    @schema.refresh
    def post(self, request: Request) -> HttpResponse:
        try:
            token = read_body(request, RefreshBody).refresh_token
            pair = services.refresh_session(refresh_token=token, now=timezone.now())
        except NotifierError:
            charge_caller(request, None)
            raise
        return answer(describe_tokens(pair), "Refreshed")


class LogoutView(ApiView):
    @schema.logout
    def post(self, request: Request) -> HttpResponse:
        session_id = principal_of(request).session_id
        if session_id is None:
            raise PermissionDenied("an API key has no session to end; revoke the key")
        services.close_session(session_id=session_id, now=timezone.now())
        return answer(None, "Signed out")


class ValidateView(ApiView):
    scopes = {"POST": "users"}

    @schema.validate
    def post(self, request: Request) -> HttpResponse:
        body = read_body(request, ValidateBody) if request.body else ValidateBody()
        return answer(describe_validity(_find_valid_user(request, body)))


def _find_valid_user(request: Request, body: ValidateBody) -> User | None:
    caller = principal_of(request)
    organization_id = caller.organization_id
    match body:
        case ValidateBody(email=None, password=None, token=str(token)):
            return services.validate_token(organization_id=organization_id, token=token)
        case ValidateBody(email=str(email), password=str(password), token=None):
            return _validate_password(request, email=email, password=password)
        case ValidateBody(email=None, password=None) if caller.user_id is not None:
            return services.get_user(organization_id=organization_id, user_id=caller.user_id)
    raise InvalidRequest("give `email` and `password`, or `token`")


def _validate_password(request: Request, *, email: str, password: str) -> User | None:
    """Count wrong ones by account alone: behind the address is a program that asks for many."""
    with suppress(Unauthenticated), limit_attempts(request, account=email, by_address=False):
        user = services.validate_credentials(
            organization_id=principal_of(request).organization_id, email=email, password=password
        )
        if user is None:
            raise Unauthenticated("wrong e-mail address or password")
        return user
    return None
