"""How wide a text is at most, without a font to measure it with."""

import unicodedata

_WIDE_EM, _BROAD_EM, _USUAL_EM = 1.0, 0.95, 0.6


def text_width(text: str, size: float) -> float:
    """Return the width in pixels that a text of `size` pixels has at most in the usual sans-serif fonts."""
    return size * sum(_em(character) for character in text)


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return _WIDE_EM
    return _BROAD_EM if character.isupper() or character in "mw@%\u2026\u25a0\u2713\u2717" else _USUAL_EM
