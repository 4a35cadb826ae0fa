"""Servers of the operator's own that are told when something happens."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from quorate.core.net import Blocked, origin_of
from quorate.source.section import Seconds, SecretReference, Section


def _url(value: str) -> str:
    try:
        origin_of(value)
    except Blocked as error:
        raise PydanticCustomError("url", "{reason}", {"reason": str(error)}) from None
    if urlsplit(value).fragment:
        raise PydanticCustomError("url", "a URL that is sent to has no fragment (`#...`)")
    return value


class WebhookSection(Section):
    """A server of your own that messages are sent to, in the form of Standard Webhooks."""

    url: Annotated[str, AfterValidator(_url)]
    """Where messages are sent to by POST."""
    secret: SecretReference | None = None
    """`env:NAME` or `file:/path`: what messages are signed with; without it they are not."""
    timeout_s: Seconds = 10.0
    """How long one try may take."""
