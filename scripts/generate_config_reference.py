"""Writes docs/reference/config.md and docs/reference/quorate.schema.json from the configuration's own types."""

import json
import sys
from pathlib import Path
from typing import Any

from quorate.config import config_schema
from quorate.config.default_models import DEFAULT_MODELS
from quorate.config.provider_kind import PROVIDER_KINDS, key_variables
from reference_pages import REFERENCE, ROOT, SchemaPage, row, write_or_compare

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
    return head + SchemaPage(SCHEMA, SECTIONS, "Config").sections(meaning)


def meaning(section: str, key: str, field: dict[str, Any]) -> str:
    """What a key is for."""
    del section, key
    return str(field.get("description", ""))


SCHEMA = config_schema()


def outputs() -> dict[Path, str]:
    """What the files should hold."""
    return {
        REFERENCE / "config.md": page(),
        REFERENCE / "quorate.schema.json": json.dumps(SCHEMA, indent=2) + "\n",
    }


if __name__ == "__main__":
    sys.exit(write_or_compare(outputs(), sys.argv[1:]))
