"""One question to a running gateway."""

import json
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import cast
from urllib.parse import urlsplit

from quorate.core.errors import InvalidRequest, QuorateError

_ANSWER_S = 10.0
_MOST_BYTES = 16 * 1024 * 1024
_OK = 200


def get_json(url: str, path: str, api_key: str | None) -> bytes:
    """Return the body of the answer to `GET path`. Blocking, 10 s at most for each step; raises as `post_json` does."""
    return _ask(url, "GET", path, None, api_key)


def post_json(url: str, path: str, value: object, api_key: str | None) -> bytes:
    """Return the body of the answer to `POST path` with a JSON value. Blocking, 10 s at most for each step.

    Raises `InvalidRequest` for an address that is none, `QuorateError` if there is no answer or another than 200.
    """
    return _ask(url, "POST", path, json.dumps(value), api_key)


def _ask(url: str, method: str, path: str, sent: str | None, api_key: str | None) -> bytes:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidRequest(f"{url!r} is no address of a gateway; write http://host:port")
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = {"accept": "application/json"}
    if sent is not None:
        headers["content-type"] = "application/json"
    if api_key:
        headers["authorization"] = f"Bearer {api_key}"
    try:
        connection = make(parts.hostname, parts.port, timeout=_ANSWER_S)
        try:
            asked = parts.path.rstrip("/").removesuffix("/v1") + path
            connection.request(method, asked, body=None if sent is None else sent.encode(), headers=headers)
            response = connection.getresponse()
            body = response.read(_MOST_BYTES)
        finally:
            connection.close()
    except ValueError:  # a port that is none, a key with a line feed
        raise InvalidRequest(f"{url!r} or the key cannot be used in a request; write http://host:port") from None
    except (OSError, HTTPException) as error:
        raise QuorateError(f"no gateway answers at {url}: {error or type(error).__name__}") from None
    if response.status != _OK:
        raise QuorateError(f"the gateway at {url} answered {response.status}: {_detail(response, body)}")
    return body


def _detail(response: HTTPResponse, body: bytes) -> str:
    """Return what a problem says; the reason of its status if it is none of ours."""
    try:
        problem = cast("object", json.loads(body))
    except ValueError:
        return response.reason
    detail = cast("dict[str, object]", problem).get("detail") if isinstance(problem, dict) else None
    return str(detail or response.reason)
