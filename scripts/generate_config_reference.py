"""Writes docs/reference/config.md and docs/reference/quorate.schema.json from the configuration's own types."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from quorate.config import config_schema
from quorate.config.default_models import DEFAULT_MODELS
from quorate.config.provider_kind import PROVIDER_KINDS, key_variables

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
SECTIONS = {
    "Config": "The whole file",
    "HttpProviderSection": "providers.NAME",
    "LimitsSection": "limits",
    "SimulatedProviderSection": "providers.NAME, type: simulated",
    "ReplayProviderSection": "providers.NAME, type: replay",
    "EndpointSection": "models.NAME",
    "RequestParamsSection": "models.NAME.params",
    "HedgeSection": "models.NAME.hedge",
    "PriceSection": "price",
    "EnsembleSection": "models.NAME, type: ensemble",
    "CascadeSection": "models.NAME, type: cascade",
    "StageSection": "stages of a cascade",
    "EscalateSection": "escalate",
    "MemberSection": "members",
    "ParamsSection": "members.params",
    "RetrySection": "retry",
    "OutputSection": "output",
    "SimulatedSection": "models.NAME, type: simulated",
    "FailureSection": "failures",
    "ReplaySection": "models.NAME, type: replay",
    "LatencySection": "latency",
    "DefaultsSection": "defaults",
    "PromptsSection": "prompts",
    "FlowsSection": "flows",
    "FunctionsSection": "flows.functions",
}

HEAD = """# Configuration: quorate.yaml

<!-- Written by scripts/generate_config_reference.py; change the code, then `make generate`. -->

`quorate config check FILE` reports everything wrong with a file, each problem with its line and column. Editors check
while you type with [the JSON Schema](quorate.schema.json): put
`# yaml-language-server: $schema=quorate.schema.json` (with the path or address of that file) on the first line.

## Example

```yaml
{example}```

## Where values come from

Highest first; `quorate config show --origin` tells it for every value.

1. Flags of the command and `overrides` of the library.
2. Environment variables `QUORATE_SECTION__KEY`, e.g. `QUORATE_DEFAULTS__MODE=race` or
   `QUORATE_MODELS__PANEL__THRESHOLD=0.8`. Names are compared without regard to case and punctuation; values are read
   as YAML scalars, lists of names as `a,b,c`.
3. `quorate.yaml` in the current folder.
4. `quorate/quorate.yaml` in `$XDG_CONFIG_HOME` (`~/.config` if that is not set).
5. What is found, where no file has a section `providers` or `models` and no variable names a model: see below.
6. What is built in.

`--config FILE`, or the variable `QUORATE_CONFIG`, names the one file that is read in place of 3 and 4. An entry of
`providers` or `models` in 3 replaces the whole entry of the same name in 4; all else is merged key by key.

## Without a file

Without a file, or with one that has neither `providers` nor `models`, every provider whose key is in the environment is
used with a few of its models, and so is a local Ollama that answers within 0.3 s at `OLLAMA_HOST` (else at
127.0.0.1:11434). If there is neither, five simulated models are there: their answers are invented, and say so.

{found}
`provider:model-id` names any other model of a provider in use, e.g. `openai:gpt-6-luna`.

## Secrets

`env:NAME` is the value of an environment variable, `file:PATH` the content of a file (a relative path begins at the
configuration file; the line feed at the end is dropped). A key written out is refused. A preset's own variable is used
when `api_key` is not given, and never sent to another `base_url`.

## What a file may look like

YAML 1.2's plain values: `no` and `on` are text, `010` is ten. One document of at most 1 MiB and 32 levels. Aliases,
tags that are not plain, and keys given twice are errors.

## Provider types

| type | address | key |
|---|---|---|
{providers}
`simulated` and `replay` are types as well; see below.
"""


def row(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def kind(field: dict[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{SECTIONS[name]}](#{anchor(SECTIONS[name])})" if name in SECTIONS else enum(name)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    if options := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(kind(option) for option in options if option.get("type") != "null"))
    match field.get("type"):
        case "array":
            return f"list of {kind(field.get('items', {}))}"
        case "object":
            values = field.get("additionalProperties")
            return f"mapping to {kind(cast('dict[str, Any]', values))}" if isinstance(values, dict) else "mapping"
        case "string":
            return "text"
        case str(name):
            return name + bounds(field)
        case _:
            return "any"


def enum(name: str) -> str:
    """The choices of an enumeration."""
    return kind(SCHEMA["$defs"][name])


def bounds(field: dict[str, Any]) -> str:
    """The limits of a number."""
    words = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    found = [f"{words[name]} {field[name]:g}" for name in words if name in field]
    return f" ({', '.join(found)})" if found else ""


def anchor(title: str) -> str:
    """How a heading is linked to."""
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def section(name: str) -> Iterator[str]:
    """One section: its text and its keys."""
    shape = SCHEMA if name == "Config" else SCHEMA["$defs"][name]
    yield f"\n## {SECTIONS[name]}\n\n{shape['description']}\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    required = shape.get("required", [])
    for key, field in shape["properties"].items():
        default = "required" if key in required else shown(field.get("default"))
        yield row(f"`{key}`", kind(field), default, field.get("description", ""))


def shown(default: object) -> str:
    """A default for the table; sections and empty values need none."""
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"`{json.dumps(default)}`"


def found() -> str:
    """The models that are offered for each key."""
    lines = [row("variable", "models"), "|---|---|\n"]
    for name, models in DEFAULT_MODELS.items():
        variables = " or ".join(f"`{variable}`" for variable in key_variables(name))
        lines.append(row(variables, ", ".join(f"`{model}`" for model in models)))
    return "".join(lines)


def providers() -> str:
    """The table of provider types."""
    lines: list[str] = []
    for name, preset in PROVIDER_KINDS.items():
        address = preset.base_url or f"{preset.base_url_form} (`base_url` is required)"
        variables = " or ".join(f"`{variable}`" for variable in key_variables(name)) or "none"
        optional = "" if preset.key_needed or variables == "none" else ", not needed"
        lines.append(row(f"`{name}`", address, variables + optional))
    return "".join(lines)


def page() -> str:
    """The reference page."""
    text = (ROOT / "examples/quorate.yaml").read_text(encoding="utf-8")
    example = text[text.index("version: 1") :]
    head = HEAD.replace("{example}", example).replace("{found}", found()).replace("{providers}", providers())
    return head + "".join(part for name in SECTIONS for part in section(name))


SCHEMA = config_schema()


def outputs() -> dict[Path, str]:
    """What the files should hold."""
    return {
        REFERENCE / "config.md": page(),
        REFERENCE / "quorate.schema.json": json.dumps(SCHEMA, indent=2) + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them."""
    stale = 0
    for path, text in outputs().items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)} is not up to date")
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
