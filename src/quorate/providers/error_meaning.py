"""What an exception of a transport means for the caller: the entries of each client's table, and our error from one."""

from dataclasses import dataclass

from quorate.core.errors import Failure, Malformed, ProviderError, Rejected, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The error to raise; `text` says what happened. A `cuts` meaning becomes CUT_STREAM once the body has begun."""

    kind: type[ProviderError]
    failure: Failure
    text: str
    cuts: bool = False

    def error(self, detail: str, *, in_body: bool) -> ProviderError:
        """Return our error; `detail` is safe to show, `in_body` whether the response's headers had arrived."""
        failure = Failure.CUT_STREAM if in_body and self.cuts else self.failure
        return self.kind(f"{self.text} ({detail})" if detail else self.text, failure=failure)


def unavailable(text: str) -> Meaning:
    """Return the meaning of what may pass: the provider could not be reached, or fell silent."""
    return Meaning(kind=Unavailable, failure=Failure.TRANSIENT, text=text, cuts=True)


def blocked(text: str) -> Meaning:
    """Return the meaning of what will not be sent, or not to there."""
    return Meaning(kind=Rejected, failure=Failure.BLOCKED, text=text)


def malformed(text: str) -> Meaning:
    """Return the meaning of an answer that is no HTTP, or a body that cannot be decoded."""
    return Meaning(kind=Malformed, failure=Failure.MALFORMED, text=text)


#: Meanings that do not depend on the client.
NOT_ALLOWED = blocked("the address is not allowed")
BAD_CERTIFICATE = blocked("the certificate was not accepted; set ca_file if it is yours")
NO_TLS = unavailable("the TLS connection failed")
NOT_CONNECTED = unavailable("the connection failed")
TIMED_OUT = unavailable("the connection timed out")
RESET = unavailable("the connection was reset")
NO_NAME = unavailable("the host name could not be looked up")
NO_ANSWER = unavailable("the provider closed the connection without an answer")
CUT_OFF = unavailable("the connection ended before the answer did")
NOT_HTTP = malformed("the response is not valid HTTP")
NOT_DECODED = malformed("the body cannot be decoded")
BAD_TEXT = blocked("the request cannot be sent: its URL, headers or key hold characters that HTTP forbids")
BAD_HEADER = blocked("the request cannot be sent: a header is not text")
