"""What the fixtures for servers and programs do; kept apart from `conftest.py`, which every test run loads."""

import contextlib
import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from private_server import ServerFailedError
from service_kinds import FIXTURES, POSTGRES, REDIS, TESSERACT
from services import Absent, Kind, S_co, Services

_SERVICES = pytest.StashKey[Services]()


def start(fixture: str, config: pytest.Config) -> None:
    """Start what the fixture needs; a failure is raised again in the tests that need it."""
    with contextlib.suppress(ServerFailedError):
        _services(config).find(FIXTURES[fixture])


@contextmanager
def postgres_url(config: pytest.Config) -> Generator[str]:
    with _server(POSTGRES, config).fresh_database() as url:
        yield url


@contextmanager
def redis_url(config: pytest.Config) -> Generator[str]:
    # A gateway imports it before its loop runs. It reads files for it, which no test that happens to be first may be
    # taken to task for.
    importlib.import_module("limits.aio")
    with _server(REDIS, config).empty_database() as url:
        yield url


def tesseract(config: pytest.Config) -> str:
    return _server(TESSERACT, config).path


def _server(kind: Kind[S_co], config: pytest.Config) -> S_co:
    found = _services(config).find(kind)
    if isinstance(found, Absent):
        pytest.skip(found.reason)
    return found


def _services(config: pytest.Config) -> Services:
    if _SERVICES not in config.stash:
        services = config.stash[_SERVICES] = Services(os.environ)
        config.add_cleanup(services.close)
    return config.stash[_SERVICES]
