"""What a client sees of the limits: for whom they count, and what the answers say."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from apps.notifications.models import Notification
from apps.users.models import User
from notifier.errors import RateLimited
from notifier.models import Organization
from notifier.quotas import parse_quota
from tests.factories import PASSWORD, make_organization, make_user
from tests.integration.api.calling import Answer, Caller, key_of, person, read_answer
from tests.integration.notifications.ledger import mail, to_user

pytestmark = pytest.mark.django_db
POLICY = re.compile(r'"(?P<name>[a-z-]+)";q=\d+;w=\d+')
STATE = re.compile(r'"(?P<name>[a-z-]+)";r=\d+;t=[1-9]\d*')
Limit = Callable[..., None]


@pytest.fixture
def limit(settings: Settings) -> Limit:
    """Set limits by the ends of their settings' names."""

    def limit(**quotas: str) -> None:
        for name, text in quotas.items():
            setattr(settings, f"RATE_LIMIT_{name.upper()}", parse_quota(text))

    return limit


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def sign_in(user: User, password: str = PASSWORD, **headers: str) -> Answer:
    body = {"email": user.email, "password": password}
    return Caller().post("/auth/login", body, **headers)


def assert_refused(answer: Answer, policy: str) -> None:
    """Assert that an answer says what a client has to know to behave."""
    assert (answer.status, answer.error) == (429, RateLimited.code)
    assert re.fullmatch(r"[1-9]\d*", answer.headers["Retry-After"])
    names = [match["name"] for match in POLICY.finditer(answer.headers["RateLimit-Policy"])]
    assert policy in names
    assert f'"{policy}";r=0;t={answer.headers["Retry-After"]}' in answer.headers["RateLimit"]


def test_a_stranger_is_refused_after_its_quota(limit: Limit) -> None:
    limit(anon="3/15m")
    answers = [Caller().get("/users/me") for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"anon";q=3;w=900'] * 4
    left = [re.findall(r"r=(\d+)", answer.headers["RateLimit"]) for answer in answers]
    assert left == [["2"], ["1"], ["0"], ["0"]]
    assert_refused(answers[-1], "anon")


def test_people_and_programs_have_quotas_of_their_own(
    limit: Limit, organization: Organization
) -> None:
    limit(anon="1/15m", user="2/15m", key="3/15m")
    ada, bob = (person(make_user(organization=organization)) for _ in range(2))
    program = key_of(organization, "read")
    assert [ada.get("/users/me").status for _ in range(3)] == [200, 200, 429]
    assert_refused(ada.get("/users/me"), "user")
    assert bob.get("/users/me").status == 200
    path = "/notifications/01890000-0000-7000-8000-000000000000/status"
    assert [program.get(path).status for _ in range(4)] == [404, 404, 404, 429]
    assert_refused(program.get(path), "key")
    assert Caller().get("/users/me").status == 401


def test_every_answer_says_what_is_left(limit: Limit, organization: Organization) -> None:
    limit(key="50/15m")
    sender = key_of(organization, "send", "read")
    answers: list[HttpResponse] = [
        sender.send("POST", "/notifications", mail()),
        sender.send("POST", "/notifications", {"no": "such field"}),
        sender.send("POST", "/notifications", b"{}", Content_Type="text/plain"),
        sender.send("PATCH", "/notifications", {}),
        sender.send("PATCH", "/users", {}),
        sender.send("GET", "/users"),
        sender.send("GET", "/stats"),
    ]
    assert [each.status_code for each in answers] == [202, 400, 415, 405, 405, 403, 200]
    left = [re.search(r'"key";r=(\d+);t=\d+', each["RateLimit"]) for each in answers]
    assert [match and int(match[1]) for match in left] == [49, 48, 47, 46, 45, 44, 43]
    assert all(POLICY.fullmatch(each["RateLimit-Policy"]) for each in answers)
    assert all(STATE.fullmatch(each["RateLimit"]) for each in answers)


def test_a_limit_that_is_off_is_not_spoken_of(limit: Limit, organization: Organization) -> None:
    limit(key="off")
    answer = key_of(organization, "read").send("GET", "/stats")
    assert "RateLimit" not in answer
    assert "RateLimit-Policy" not in answer


@pytest.mark.parametrize("headers", [{"X_API_Key": "ntf_live_no"}, {"Authorization": "Bearer no"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/users/me"), ("POST", "/notifications")])
def test_trying_out_credentials_counts_by_address(
    limit: Limit, headers: dict[str, str], method: str, path: str
) -> None:
    limit(anon="3/15m")
    answers = [Caller().call(method, path, {}, **headers) for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert_refused(answers[-1], "anon")


def test_no_header_makes_a_stranger_another_one(limit: Limit) -> None:
    limit(anon="20/15m")
    statuses = []
    for number in range(200):
        address = f"198.51.100.{number}"
        forged = {"X_Forwarded_For": address, "X_Real_IP": address, "Forwarded": f"for={address}"}
        statuses.append(Caller().get("/users/me", **forged).status)
    assert statuses == [401] * 20 + [429] * 180


def test_probes_metrics_and_webhooks_are_not_limited(limit: Limit) -> None:
    limit(anon="1/15m")
    Caller().get("/users/me")
    for path in ("live", "ready", "health", "gateway-health", "metrics"):
        for _ in range(3):
            answer = Caller().send("GET", f"//{path}")
            assert answer.status_code in (200, 503), path
            assert "RateLimit" not in answer
    statuses = {Caller().post("/webhooks/nobody", {}).status for _ in range(3)}
    assert statuses == {404}


def test_eleven_wrong_passwords_lock_an_account_from_everywhere(
    limit: Limit, settings: Settings
) -> None:
    limit(login="10/15m")
    settings.TRUSTED_PROXY_COUNT = 1
    ada = make_user(email="ada@example.org")
    places = [f"203.0.113.{number}" for number in range(12)]
    statuses = [sign_in(ada, "wrong", X_Forwarded_For=place).status for place in places[:11]]
    assert statuses == [401] * 10 + [429]
    locked = sign_in(ada, X_Forwarded_For=places[11])
    assert_refused(locked, "login-account")
    for spelling in ("ADA@example.org", " ada@EXAMPLE.org", "\uff41da@example.org"):
        body = {"email": spelling, "password": PASSWORD}
        answer = Caller().post("/auth/login", body, X_Forwarded_For=places[11])
        assert answer.status == 429, spelling


def test_an_account_that_does_not_exist_is_locked_as_well(limit: Limit) -> None:
    limit(login="2/15m")
    nobody = User(email="nobody@example.org")
    assert [sign_in(nobody).status for _ in range(3)] == [401, 401, 429]


def test_one_address_cannot_try_many_accounts(limit: Limit) -> None:
    limit(login="3/15m")
    users = [make_user() for _ in range(5)]
    assert [sign_in(user, "wrong").status for user in users] == [401] * 3 + [429] * 2
    elsewhere = sign_in(users[4], REMOTE_ADDR="203.0.113.9")
    assert elsewhere.status == 429  # a header of that name is nobody's address


def test_who_signs_in_rightly_is_never_locked_out(limit: Limit) -> None:
    limit(login="2/15m")
    ada = make_user()
    assert {sign_in(ada).status for _ in range(5)} == {200}
    assert [sign_in(ada, "wrong").status, sign_in(ada).status] == [401, 200]
    assert [sign_in(ada, "wrong").status, sign_in(ada).status] == [401, 429]


def test_looking_for_taken_addresses_is_limited(limit: Limit) -> None:
    limit(login="2/15m")
    taken = make_user().email
    body = {"name": "Eve", "email": taken, "password": PASSWORD}
    statuses = [Caller().post("/auth/register", body).status for _ in range(3)]
    assert statuses == [409, 409, 429]


def test_a_program_that_asks_for_many_is_limited_by_account(
    limit: Limit, organization: Organization
) -> None:
    limit(login="2/15m")
    ada, bob = (make_user(organization=organization) for _ in range(2))
    program = key_of(organization, "users")

    def ask(user: User, password: str) -> Any:
        answer = program.post("/auth/validate", {"email": user.email, "password": password})
        return answer.data.get("valid", answer.error if answer.status == 429 else None)

    assert [ask(ada, PASSWORD) for _ in range(3)] == [True] * 3
    assert [ask(ada, "wrong") for _ in range(3)] == [False, False, "rate_limited"]
    assert ask(bob, PASSWORD) is True


def test_a_stolen_token_tries_no_passwords(limit: Limit) -> None:
    limit(login="2/15m")
    ada = make_user()
    caller = person(ada)
    guess = {"current_password": "wrong", "password": "another good one 7"}
    answers = [caller.call("PATCH", f"/users/{ada.pk}", guess) for _ in range(3)]
    assert [answer.status for answer in answers] == [400, 400, 429]
    assert caller.call("PATCH", f"/users/{ada.pk}", {"name": "Ada L."}).status == 200


def test_a_person_cannot_flood_a_mailbox(limit: Limit, organization: Organization) -> None:
    limit(recipient="20/h")
    admin = person(make_user(organization=organization, role="admin"))
    victim = make_user(organization=organization, email="victim@example.org")
    bodies = [mail(to={"email": "Victim@example.org"}, priority=n % 10 + 1) for n in range(15)]
    bodies += [to_user(victim.pk, metadata={"n": n}) for n in range(15)]
    answers = [admin.post("/notifications", body) for body in bodies]
    assert [answer.status for answer in answers] == [202] * 20 + [429] * 10
    assert re.fullmatch(r"[1-9]\d*", answers[-1].headers["Retry-After"])
    assert Notification.objects.count() == 20
    assert admin.post("/notifications", mail(to={"email": "else@example.org"})).status == 202


def test_a_person_cannot_flood_a_mailbox_in_one_go(
    limit: Limit, organization: Organization
) -> None:
    limit(recipient="20/h")
    admin = person(make_user(organization=organization, role="admin"))
    content = {"subject": "Hello", "text": "Hello"}
    template = {"code": "hello", "channel": "email", "name": "Hello", "content": content}
    assert admin.post("/templates", template | {"language": "en"}).status == 201
    recipients = [{"to": {"email": "victim@example.org"}}] * 1000
    recipients += [{"to": {"email": f"user-{n}@example.org"}} for n in range(100)]
    body = {"notification_type": "email", "template_code": "hello", "recipients": recipients}
    answer = admin.post("/notifications/bulk", body)
    assert answer.data["accepted"] == 120
    assert {row["error"] for row in answer.data["rejected"]} == {"rate_limited"}
    assert [row["index"] for row in answer.data["rejected"]] == list(range(20, 1000))


def test_what_people_ask_for_never_holds_up_a_program(
    limit: Limit, organization: Organization
) -> None:
    limit(recipient="1/h")
    ada = make_user(organization=organization)
    statuses = [person(ada).post("/notifications", to_user(ada.pk)).status for _ in range(2)]
    assert statuses == [202, 429]
    program = key_of(organization, "send")
    assert {program.post("/notifications", to_user(ada.pk)).status for _ in range(5)} == {202}
    limit(key_recipient="3/h")
    again = [program.post("/notifications", to_user(ada.pk)).status for _ in range(4)]
    assert again == [202, 202, 202, 429]


def test_a_replay_is_answered_whatever_the_recipient_has_had(
    limit: Limit, organization: Organization
) -> None:
    limit(recipient="1/h")
    ada = make_user(organization=organization)
    body = to_user(ada.pk, request_id="once")
    assert [person(ada).post("/notifications", body).status for _ in range(3)] == [202, 200, 200]


def test_a_refusal_is_an_envelope_without_a_trace(limit: Limit) -> None:
    limit(anon="1/15m")
    Caller().send("GET", "//api/schema")
    refused = Caller().send("GET", "//api/schema")
    assert read_answer(refused).error == "rate_limited"
