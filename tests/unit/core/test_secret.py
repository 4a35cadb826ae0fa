"""Secrets do not get out by any of the usual ways."""

import copy
import io
import json
import logging
import pickle
import traceback
from typing import Any

import pytest

from quorate.core.secret import Secret, new_nonce, redact

TEXT = "sk-very-secret-key"
SECRET = Secret(TEXT)


@pytest.mark.parametrize("shown", [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!r}", repr([SECRET])])
def test_printing_shows_stars(shown: str) -> None:
    assert TEXT not in shown
    assert "***" in shown


def test_logging_shows_stars() -> None:
    out = io.StringIO()
    logger = logging.getLogger("quorate.test.secret")
    handler = logging.StreamHandler(out)
    logger.addHandler(handler)
    logger.error("key %s %r %s", SECRET, SECRET, {"key": SECRET})
    logger.removeHandler(handler)
    assert out.getvalue().count("***") == 3
    assert TEXT not in out.getvalue()


def test_a_traceback_shows_stars() -> None:
    shown = "".join(traceback.format_exception(ValueError("bad key", SECRET)))
    assert "***" in shown
    assert TEXT not in shown


@pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy, json.dumps, vars])
def test_it_is_not_serialised(leak: Any) -> None:
    with pytest.raises(TypeError):
        leak(SECRET)


def test_reveal_and_equality() -> None:
    assert SECRET.reveal() == TEXT
    assert Secret(TEXT) == SECRET
    assert Secret("other") != SECRET
    assert TEXT != SECRET
    assert len({SECRET, Secret(TEXT)}) == 1


def test_redaction_takes_out_every_occurrence() -> None:
    text = redact(f"{TEXT} is {TEXT}; abc stays", [SECRET, Secret("abc"), Secret("")])
    assert text == "*** is ***; abc stays"


def test_nonces_are_fresh_and_long() -> None:
    made = {new_nonce() for _ in range(100)}
    assert len(made) == 100
    assert all(16 <= len(nonce) <= 128 and nonce.isascii() for nonce in made)
