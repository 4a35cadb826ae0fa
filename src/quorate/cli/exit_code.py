"""How the command ends."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    ANSWERED = 0
    FAILED = 1
    USAGE = 2
    NO_CONSENSUS = 3
    MISCONFIGURED = 4
    INTERRUPTED = 130


#: Shown at the end of `--help` and in the reference.
EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.ANSWERED: "answered (or done)",
    ExitCode.FAILED: "failed: no answer",
    ExitCode.USAGE: "wrong usage",
    ExitCode.NO_CONSENSUS: "no consensus, with --require-consensus",
    ExitCode.MISCONFIGURED: "the configuration cannot be used",
    ExitCode.INTERRUPTED: "interrupted",
}
