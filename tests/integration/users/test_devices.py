"""Devices: registering, moving, removing."""

from typing import Any

import pytest

from apps.users.models import Device
from apps.users.services import remove_device
from tests.factories import make_device, make_user

pytestmark = pytest.mark.django_db


def test_devices_are_registered_listed_and_removed(as_user: Any) -> None:
    user = make_user()
    caller, path = as_user(user), f"/users/{user.pk}/devices"
    status, answer = caller.post(path, {"token": "token-of-ada", "platform": "ios"})
    assert status == 201
    device = answer["data"]
    assert caller.get(path)[1]["data"] == [device]
    assert caller.delete(f"{path}/{device['id']}")[0] == 200
    assert caller.delete(f"{path}/{device['id']}")[0] == 404
    assert caller.get(path)[1]["data"] == []


def test_a_token_moves_to_whoever_registers_it_last(as_user: Any) -> None:
    device = make_device()
    other = make_user(organization=device.organization)
    body = {"token": device.token, "platform": "web"}
    status, answer = as_user(other).post(f"/users/{other.pk}/devices", body)
    assert (status, answer["data"]["id"]) == (201, str(device.pk))
    moved = Device.objects.get()
    assert (moved.user, moved.platform) == (other, "web")
    assert moved.last_seen_at > device.last_seen_at


def test_organizations_do_not_take_each_others_tokens(as_user: Any) -> None:
    device, stranger = make_device(), make_user()
    body = {"token": device.token, "platform": "web"}
    assert as_user(stranger).post(f"/users/{stranger.pk}/devices", body)[0] == 201
    assert Device.objects.count() == 2


@pytest.mark.parametrize(
    "token", ["short", "has spaces in it", "line\nbreak-in-it", "ümläutümläut", "x" * 4097]
)
def test_a_token_that_cannot_be_one_is_refused(as_user: Any, token: str) -> None:
    user = make_user()
    body = {"token": token, "platform": "ios"}
    status, answer = as_user(user).post(f"/users/{user.pk}/devices", body)
    assert (status, answer["data"]["errors"][0]["field"]) == (400, "token")


def test_the_longest_token_is_taken(as_user: Any) -> None:
    user = make_user()
    body = {"token": "x" * 4096, "platform": "ios"}
    assert as_user(user).post(f"/users/{user.pk}/devices", body)[0] == 201


def test_one_of_anothers_devices_is_not_among_ones_own(as_user: Any) -> None:
    device = make_device()
    other = make_user(organization=device.organization)
    caller = as_user(other)
    assert caller.delete(f"/users/{other.pk}/devices/{device.pk}")[0] == 404
    assert Device.objects.exists()


def test_removing_a_dead_device_twice_does_no_harm() -> None:
    device = make_device()
    assert remove_device(device_id=device.pk)
    assert not remove_device(device_id=device.pk)
