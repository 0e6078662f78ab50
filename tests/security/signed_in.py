"""People who have signed in, and what their tokens say."""

from typing import Any

import jwt

from apps.users.models import User
from tests.factories import PASSWORD
from tests.integration.users.conftest import Caller


def sign_in(user: User) -> dict[str, Any]:
    """Sign a user of the factory in through the API and return the tokens."""
    body = {"email": user.email, "password": PASSWORD}
    status, answer = Caller().post("/auth/login", body)
    assert status == 200, answer
    return dict(answer["data"])


def read_claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))
