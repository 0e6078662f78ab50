"""Mails that a provider makes of a template of its own, and what the other providers say."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import EmailMessage, Permanent
from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.provider_subjects import fail_to_send, forbid_store, make_message
from tests.standins.processes import MailApiService

VARIABLES = {"name": "Ada", "items": [{"sku": "a-1", "count": 2}]}
URLS = {
    "sendgrid": "sendgrid://right-key@/?endpoint={url}",
    "mailgun": "mailgun://right-key@/mg.example.org?endpoint={url}",
    "ses": "ses://AKIDEXAMPLE:right-key@/eu-west-1?endpoint={url}",
}


def hosted_message(**changes: Any) -> EmailMessage:
    message = make_message("email")
    assert isinstance(message, EmailMessage)
    hosted = {"sendgrid": "d-1234", "mailgun": "welcome"}
    alone = replace(message, subject="", text="", html="", hosted=hosted, variables=VARIABLES)
    return replace(alone, **changes)


@pytest.fixture(scope="module")
def running_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailApiService]:
    service = MailApiService(tmp_path_factory.mktemp("api"))
    service.start()
    yield service
    service.stop()


@pytest.fixture
def api(running_api: MailApiService) -> MailApiService:
    running_api.reset()
    return running_api


def build(name: str, api: MailApiService) -> Any:
    (url,) = parse_provider_urls(URLS[name].format(url=api.url), channel="email")
    return build_provider(url, channel="email", store=forbid_store)


def test_sendgrid_is_given_its_template_and_the_variables(api: MailApiService) -> None:
    with closing(build("sendgrid", api)) as provider:
        assert provider.send(hosted_message())
    (record,) = api.messages()
    body = record["content"]
    assert body["template_id"] == "d-1234"
    (person,) = body["personalizations"]
    assert person["dynamic_template_data"] == VARIABLES
    assert person["to"][0]["email"] == "ada@example.org"
    assert "subject" not in body
    assert body["headers"]["X-Notification-ID"]


def test_mailgun_is_given_its_template_and_the_variables_as_json(api: MailApiService) -> None:
    with closing(build("mailgun", api)) as provider:
        assert provider.send(hosted_message())
    (record,) = api.messages()
    form = record["content"]
    assert form["template"] == ["welcome"]
    assert json.loads(form["t:variables"][0]) == VARIABLES
    assert "recipient-variables" not in form


def test_a_provider_that_keeps_no_templates_says_so_and_nothing_leaves(
    api: MailApiService,
) -> None:
    with closing(build("ses", api)) as provider:
        error = fail_to_send(provider, hosted_message(), Permanent)
    assert error.code == "template_not_hosted"
    assert "mailgun, sendgrid" in error.message
    with closing(build("sendgrid", api)) as provider:
        only_mailgun = hosted_message(hosted={"mailgun": "welcome"})
        assert fail_to_send(provider, only_mailgun, Permanent).code == "template_not_hosted"
    assert api.messages() == []


def test_a_provider_that_keeps_no_templates_sends_the_parts_beside_them(
    api: MailApiService,
) -> None:
    with closing(build("ses", api)) as provider:
        assert provider.send(hosted_message(subject="Hi", text="Hello"))
    (record,) = api.messages()
    assert record["outcome"] == "accepted"
