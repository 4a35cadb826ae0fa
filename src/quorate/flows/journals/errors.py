"""What goes wrong with the database of a journal."""

from quorate.core.errors import QuorateError


class JournalUnavailable(QuorateError):
    """The database of the journal cannot be reached or does not answer; the same may succeed when it is back.

    What was being written may be there or not: an outcome is kept once in either case.
    """

    code = "journal_unavailable"
    default_status = 503
    default_retryable = True
