"""A file that is not read, and why."""

from enum import StrEnum

from quorate.core.errors import QuorateError


class Reason(StrEnum):
    """Why a file is not read; trying again changes nothing but for `timeout`."""

    EMPTY = "empty"
    UNSUPPORTED = "unsupported_format"
    ENCRYPTED = "encrypted"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a reason
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    UNSAFE = "unsafe"
    TIMEOUT = "timeout"
    NO_TEXT = "no_text"
    LANGUAGE = "language_missing"
    PAGES = "no_such_page"


class DocumentRejected(QuorateError):
    """A file is not read: `reason` says why in one word, `hint` what somebody can do about it."""

    code = "document_rejected"
    default_status = 422

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.hint = hint
