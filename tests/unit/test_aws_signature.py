"""Signature Version 4 against Amazon's own example and its rules."""

from datetime import UTC, datetime

from apps.delivery.providers.aws_signature import AwsKey, sign_request

KEY = AwsKey(
    identity="AKIDEXAMPLE",
    secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # noqa: S106  # of Amazon's test suite
    region="us-east-1",
    service="service",
)
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()


def test_it_signs_as_in_amazons_test_suite() -> None:
    """The case `get-vanilla` of https://github.com/awslabs/aws-c-auth."""
    headers = sign_request(
        method="GET", url="https://example.amazonaws.com/", headers={}, body=b"", key=KEY, now=NOW
    )
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        " SignedHeaders=host;x-amz-date,"
        " Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_whatever_is_sent_is_part_of_the_signature() -> None:
    def sign(**changes: object) -> str:
        usual = {
            "method": "POST",
            "url": "http://127.0.0.1:9099/a/b c",
            "headers": {"Content-Type": "text/plain"},
            "body": b"x",
            "key": KEY,
            "now": NOW,
        }
        return sign_request(**{**usual, **changes})["Authorization"]  # type: ignore[arg-type]  # each is of its kind

    variants = [
        sign(),
        sign(method="PUT"),
        sign(url="http://127.0.0.1:9099/a"),
        sign(url="http://127.0.0.1:9098/a/b c"),
        sign(headers={"Content-Type": "text/html"}),
        sign(body=b"y"),
        sign(now=NOW + 1),
    ]
    assert len(set(variants)) == len(variants)
    assert sign() == sign(headers={"Content-Type": "  text/plain "})


def test_the_secret_is_in_no_repr() -> None:
    assert KEY.secret not in repr(KEY)
