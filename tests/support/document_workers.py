"""The processes that read documents, for one file of tests: started at the first, ended with the last."""

from collections.abc import Generator
from contextlib import contextmanager

from quorate.documents.workers import DocumentWorkers


@contextmanager
def running_workers(count: int = 1) -> Generator[DocumentWorkers]:
    workers = DocumentWorkers(count=count)
    try:
        yield workers
    finally:
        workers.close()
