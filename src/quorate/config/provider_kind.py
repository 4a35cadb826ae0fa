"""The types of provider that a configuration may name, and the variables in which their keys are found."""

from quorate.providers.presets import PRESETS, Preset

#: All types but `simulated` and `replay`, which are no HTTP providers.
PROVIDER_KINDS: dict[str, Preset] = PRESETS

#: What else a provider's own tools read.
_OTHER_VARIABLES = {"gemini": ("GOOGLE_API_KEY",)}


def key_variables(kind: str) -> tuple[str, ...]:
    """Return the environment variables that may hold the key of a type of provider, the usual one first."""
    usual = PROVIDER_KINDS[kind].key_variable
    return () if usual is None else (usual, *_OTHER_VARIABLES.get(kind, ()))


def kind_of(name: str, written: str | None) -> str:
    """Return the type of the provider called `name`: as written, else its name if that is a type, else `openai`."""
    return written or (name if name in PROVIDER_KINDS else "openai")
