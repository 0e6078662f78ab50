"""From a provider URL to the provider; the vendors' libraries load only for those in use."""

from typing import Literal, overload

from apps.delivery.providers.capture import CapturingProvider, Store
from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    InvalidProviderUrl,
    Provider,
    PushMessage,
)
from apps.delivery.providers.esp_settings import ESPS
from apps.delivery.providers.smtp import SmtpProvider, read_smtp_server
from apps.delivery.providers.urls import ProviderUrl, check_channel

TOPIC_SHAPE = "arn:aws:sns:eu-west-1:123456789012:mail"


@overload
def build_provider(
    url: ProviderUrl, *, channel: Literal["email"], store: Store
) -> Provider[EmailMessage]: ...


@overload
def build_provider(
    url: ProviderUrl, *, channel: Literal["push"], store: Store
) -> Provider[PushMessage]: ...


def build_provider(
    url: ProviderUrl, *, channel: Channel, store: Store
) -> Provider[EmailMessage] | Provider[PushMessage]:
    """Make the provider, without connecting yet; `store` receives what capture:// is given.

    Build it in the process that sends, after a fork. Raises InvalidProviderUrl, in one line,
    for a scheme of the other channel and for a file or setting that cannot work.
    """
    check_channel(url, channel=channel)
    if url.scheme == "capture":
        return CapturingProvider(name=url.name, channel=channel, store=store)
    return _build_email(url) if channel == "email" else _build_push(url)


def _build_email(url: ProviderUrl) -> Provider[EmailMessage]:
    if url.scheme in ("smtp", "smtps"):
        return SmtpProvider(name=url.name, server=read_smtp_server(url))
    if url.scheme == "ses":
        return _build_ses(url)
    from apps.delivery.providers.esp import EspProvider

    esp = ESPS[url.scheme]
    parts = {esp.username: url.username, esp.password: url.password, esp.path: url.path}
    settings = {setting: value for setting, value in parts.items() if setting is not None}
    return EspProvider(
        name=url.name,
        esp=esp,
        settings={**settings, **url.options},
        endpoint=url.endpoint,
        timeouts=url.timeouts,
    )


def _build_ses(url: ProviderUrl) -> Provider[EmailMessage]:
    from apps.delivery.providers.aws_signature import AwsKey
    from apps.delivery.providers.ses import SesProvider
    from apps.delivery.providers.sns import TOPIC

    if "topic" in url.options and not TOPIC.fullmatch(url.options["topic"]):
        raise InvalidProviderUrl(f"{url.name}: topic must be such as {TOPIC_SHAPE}")
    return SesProvider(
        name=url.name,
        key=AwsKey(identity=url.username, secret=url.password, region=url.path, service="ses"),
        configuration_set=url.options.get("configuration_set", ""),
        endpoint=url.endpoint,
        timeouts=url.timeouts,
    )


def _build_push(url: ProviderUrl) -> Provider[PushMessage]:
    if url.scheme == "fcm":
        from apps.delivery.providers.fcm import FcmProvider

        return FcmProvider(
            name=url.name, path=url.path, endpoint=url.endpoint, timeouts=url.timeouts
        )
    from apps.delivery.providers.onesignal import OneSignalProvider

    return OneSignalProvider(
        name=url.name,
        key=url.username,
        app_id=url.path,
        endpoint=url.endpoint,
        timeouts=url.timeouts,
    )
