"""What a key looks like, and how it is found among the headers of a request."""

from hashlib import sha256

#: `qk_`, the public prefix, `_`, and 256 random bits in base64url.
MARK = "qk_"
PREFIX_CHARACTERS = 8
RANDOM_BYTES = 32
_RANDOM_CHARACTERS = 43

_PREFIX_END = len(MARK) + PREFIX_CHARACTERS
_LENGTH = _PREFIX_END + 1 + _RANDOM_CHARACTERS
_MARK_BYTES = MARK.encode()
_SCHEME = b"bearer "


def digest_of(key: bytes) -> bytes:
    """Return the SHA-256 of the whole key: what is stored instead of it.

    A slow hash would protect passwords that people choose; nobody can guess 256 random bits, at any speed.
    """
    return sha256(key).digest()


def presented(authorization: bytes | None, api_key: bytes | None) -> bytes | None:
    """Return the key text of `Authorization: Bearer ...`, else of an `x-api-key` header.

    `None` if there is none, or only what cannot be a key: nothing long or odd is hashed or looked at any further. An
    `Authorization` that is there decides, whatever the other header says.
    """
    if authorization is None:
        text = api_key
    else:
        text = authorization[len(_SCHEME) :].strip(b" ") if authorization[: len(_SCHEME)].lower() == _SCHEME else None
    if text is None or len(text) != _LENGTH or not text.startswith(_MARK_BYTES) or text[_PREFIX_END] != ord("_"):
        return None
    return text


def public_prefix(key: str) -> str:
    """Return the part of a key that may be shown: `qk_` and eight characters."""
    return key[:_PREFIX_END]
