"""Operators of one organization, with exactly the permissions that a test gives them."""

from django.contrib.auth.models import Permission
from django.test import Client

from apps.users.models import User
from notifier.models import Organization


def sign_in_staff(
    organization: Organization, *codenames: str, email: str = "staff@example.org"
) -> Client:
    """Return the browser of somebody who may use the admin, but is no superuser."""
    user = User.objects.create_user(
        organization=organization, email=email, name="Staff", password=None, is_staff=True
    )
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    browser = Client()
    browser.force_login(user)
    return browser
