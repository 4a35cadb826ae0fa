"""The program of a worker process: takes jobs from its standard input until that is closed."""

import os
import sys
from typing import BinaryIO

import msgspec

from quorate.documents.confine import MEMORY_BYTES, begin_job, confine
from quorate.documents.frames import receive, send
from quorate.documents.job import PARSER_MISSING, Answer, ExtractJob, Failed, ImageJob, Job, OcrJob
from quorate.documents.rejected import DocumentRejected, Reason

_MAX_JOB_BYTES = 1_000_000
_decoder = msgspec.json.Decoder(Job)


def main() -> None:
    """Work until the owner closes the pipe, or dies."""
    jobs, answers = sys.stdin.buffer, _own_answers()
    confine()
    while (frame := receive(jobs, max_bytes=_MAX_JOB_BYTES)) is not None:
        begin_job()
        answer, payload = _do(_decoder.decode(frame[0]))
        send(answers, msgspec.json.encode(answer), payload)


def _own_answers() -> BinaryIO:
    """Return a pipe of its own to the owner: what a parser prints must not stand between the answers."""
    mine = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return mine


def _do(job: Job) -> tuple[Answer, bytes]:
    try:
        return _answer(job)
    except DocumentRejected as error:
        return Failed(reason=error.reason, message=error.message, hint=error.hint), b""
    except ModuleNotFoundError:
        raise SystemExit(PARSER_MISSING) from None
    except MemoryError:
        return Failed(reason=Reason.TOO_LARGE, message=f"reading it needs more than {MEMORY_BYTES} bytes"), b""
    except RecursionError:
        return Failed(reason=Reason.DAMAGED, message="its parts are nested too deeply, or contain themselves"), b""
    except Exception as error:  # noqa: BLE001 - whatever a parser raises for bytes it was not made for
        return Failed(reason=Reason.DAMAGED, message=f"it cannot be read: {_said(error)}"), b""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}".rstrip(": ")


def _answer(job: Job) -> tuple[Answer, bytes]:
    # each kind of job loads its own parsers, and only when the first of it comes
    match job:
        case ExtractJob():
            from quorate.documents.readers.read import read  # noqa: PLC0415

            return read(job), b""
        case ImageJob():
            from quorate.documents.change_image import change  # noqa: PLC0415

            return change(job)
        case OcrJob():
            from quorate.documents.tesseract import recognise_words  # noqa: PLC0415

            return recognise_words(job), b""
