"""What can be used without any configuration: keys in the environment, a local Ollama, else simulated models."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from quorate.config.default_models import DEFAULT_MODELS
from quorate.config.provider_kind import key_variables
from quorate.providers.simulated_profile import default_profiles

PROBE_S = 0.3
#: So many models answer by default.
MOST_DEFAULTS = 5
_OLLAMA_PORT = 11434
_MAX_ANSWER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """A configuration as plain values, and in words what it was made from."""

    tree: dict[str, Any]
    found: tuple[str, ...]


def discover(environ: Mapping[str, str], *, probe: bool = True) -> Discovery:
    """Return what is usable here: providers whose key is set, a local Ollama that answers, else simulated models.

    Blocking, for at most `PROBE_S` twice, and only if `probe`.
    """
    by_provider: dict[str, tuple[str, ...]] = {}
    providers: dict[str, Any] = {}
    found: list[str] = []
    for name, models in DEFAULT_MODELS.items():
        variable = next((key for key in key_variables(name) if environ.get(key, "").strip()), None)
        if variable is not None:
            providers[name] = {"type": name, "api_key": f"env:{variable}"}
            by_provider[name] = models
            found.append(f"{name}: the key in {variable}")
    if probe and (local := ollama_models(environ)):
        address = ollama_address(environ)
        providers["ollama"] = {"type": "ollama", "base_url": f"{address}/v1"}
        by_provider["ollama"] = local
        found.append(f"ollama: {len(local)} models at {address}")
    if not providers:
        return Discovery(tree=simulated_tree(), found=("no key and no local Ollama: simulated models",))
    return Discovery(tree=_tree(providers, by_provider), found=tuple(found))


def simulated_tree() -> dict[str, Any]:
    """Return a configuration with the built-in simulated models."""
    names = [profile.name for profile in default_profiles()]
    return {
        "version": 1,
        "models": {name: {"type": "simulated"} for name in names},
        "defaults": {"models": names, "max_concurrent": len(names)},
    }


def _tree(providers: dict[str, Any], by_provider: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    models: dict[str, Any] = {}
    names: dict[str, list[str]] = {}
    for provider, ids in by_provider.items():
        for model_id in ids:
            short = model_id.removesuffix(":latest").replace(":", "-")
            name = short if short not in models else f"{provider}/{short}"
            models[name] = {"provider": provider, "model": model_id}
            names.setdefault(provider, []).append(name)
    return {
        "version": 1,
        "providers": providers,
        "models": models,
        "defaults": {"models": _panel(list(names.values())), "max_concurrent": MOST_DEFAULTS},
    }


def _panel(names: list[list[str]]) -> list[str]:
    """Return one model of every provider, then seconds, up to `MOST_DEFAULTS`: different makers err differently."""
    turns = [own[turn] for turn in range(max(map(len, names))) for own in names if turn < len(own)]
    return turns[:MOST_DEFAULTS]


def ollama_address(environ: Mapping[str, str]) -> str:
    """Return where Ollama is: OLLAMA_HOST in any of the forms Ollama itself takes, else the local default port."""
    text = environ.get("OLLAMA_HOST", "").strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or host in {"0.0.0.0", "::"}:  # noqa: S104 - what a server listens on is not where a client goes
        host = "127.0.0.1"
    scheme = parts.scheme if parts.scheme in {"http", "https"} else "http"
    default = {"http": 80, "https": 443}[scheme] if "://" in text else _OLLAMA_PORT
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port or default}"


def ollama_models(environ: Mapping[str, str], *, timeout_s: float = PROBE_S) -> tuple[str, ...]:
    """Return the names of the models that a local Ollama has; empty if none answers within `timeout_s`."""
    parts = urlsplit(ollama_address(environ))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=timeout_s)
    try:
        connection.request("GET", "/api/tags")
        response = connection.getresponse()
        body = response.read(_MAX_ANSWER_BYTES) if response.status == http.client.OK else b"{}"
        return _names(json.loads(body))
    except (OSError, http.client.HTTPException, ValueError):
        return ()
    finally:
        connection.close()


def _names(answer: object) -> tuple[str, ...]:
    models = cast("dict[str, Any]", answer).get("models") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        return ()
    entries = [cast("dict[str, Any]", entry) for entry in cast("list[object]", models) if isinstance(entry, dict)]
    names = [name for entry in entries if isinstance(name := entry.get("name"), str) and name]
    return tuple(dict.fromkeys(names))
