"""`response_formatter`: data and texts written down in a format."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import yaml
from pydantic import Field, model_validator

from quorate.flows.data.csv_text import to_csv
from quorate.flows.data.document import Part, Written
from quorate.flows.data.escape import escaped
from quorate.flows.data.html import to_html
from quorate.flows.data.markdown import to_markdown
from quorate.flows.data.plain_text import to_text
from quorate.flows.data.view import unwrapped
from quorate.flows.data.weight import copied, worked
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.source.section import Section


class Format(StrEnum):
    """What is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    CSV = "csv"
    YAML = "yaml"


_MEDIA_TYPES = {
    Format.TEXT: "text/plain; charset=utf-8",
    Format.MARKDOWN: "text/markdown; charset=utf-8",
    Format.JSON: "application/json",
    Format.HTML: "text/html; charset=utf-8",
    Format.CSV: "text/csv; charset=utf-8",
    Format.YAML: "application/yaml",
}
#: The one in C is ten times as fast; not every build of the package has it.
_YAML: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TREES = frozenset({Format.JSON, Format.YAML})


class FormatSection(Section):
    """A part with a heading."""

    title: str
    content: Any
    fields: list[str] | dict[str, str] = Field(default_factory=list)
    """Columns, if it is a table."""


class ResponseFormatterConfig(Section):
    """What is written down: a template, or a title, data and sections."""

    format: Format = Format.TEXT
    template: Any = None
    """A text with expressions, which see `data` as well; for `json` and `yaml` also a tree."""
    data: Any = None
    """What is formatted: records become tables."""
    fields: list[str] | dict[str, str] = Field(default_factory=list)
    """Columns, if `data` is a table: paths in a record, or heading -> path."""
    title: str = ""
    sections: list[FormatSection] | dict[str, Any] = Field(default_factory=list)
    """Parts below the data, `[{title, content, fields}]` or `{title: content}`."""
    trusted: dict[str, Any] = Field(default_factory=dict)
    """HTML that a template may insert as it is, as `trusted.NAME`: only what a step of this flow has made."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What stands between the cells of `csv`."""

    @model_validator(mode="after")
    def _one_way(self) -> "ResponseFormatterConfig":
        if self.template is not None and (self.sections or self.title):
            raise ValueError("`template` stands for itself; `title` and `sections` belong into it")
        if self.template is None and self.data is None and not self.sections:
            raise ValueError("expected `template`, `data` or `sections`")
        if not isinstance(self.template, str | None) and self.format not in _TREES:
            raise ValueError(f"a template that is a tree or a number makes json or yaml, not {self.format}")
        if self.trusted and (self.format is not Format.HTML or self.template is None):
            raise ValueError("`trusted` is for a template that makes html")
        if self.format is Format.CSV and (self.template is not None or self.sections):
            raise ValueError("csv is made of `data` alone")
        return self


class FormattedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The text, its media type, and the name of the format."""

    content: str
    media_type: str
    format: str


class ResponseFormatterExecutor(Executor[ResponseFormatterConfig, FormattedResponse]):
    """Writes data down. In `html`, every text is escaped before a template sees it, but for what is `trusted`."""

    name = "response_formatter"
    summary = "Writes data and texts down as text, Markdown, JSON, HTML, CSV or YAML."
    config = ResponseFormatterConfig
    result = FormattedResponse
    raw = frozenset({"template"})

    async def run(self, config: ResponseFormatterConfig, step: StepContext) -> FormattedResponse:
        """Return the text; raise `StepRejected` for data that the format cannot hold, `TemplateError`."""
        data = unwrapped(config.data)
        if config.template is None:
            content = await worked([data, config.sections], lambda: _written(config, data))
        else:
            content = await _from_template(config, data, step)
        return FormattedResponse(content=content, media_type=_MEDIA_TYPES[config.format], format=config.format)


async def _from_template(config: ResponseFormatterConfig, data: object, step: StepContext) -> str:
    template = config.template
    value = step.values(template)

    seen = copied(step.scope)

    def written() -> str:
        scope: Mapping[str, Any] = {**seen, "data": data}
        if config.format is Format.HTML:
            scope = {**escaped(scope), "trusted": config.trusted}
        rendered = value.render(scope)
        if isinstance(rendered, str) and not isinstance(template, dict | list):
            return _checked(rendered) if config.format is Format.JSON else rendered
        return _TREE_WRITERS.get(config.format, _to_json)(rendered)

    return await asyncio.to_thread(written) if value.slow else await worked([data, seen], written)


def _checked(text: str) -> str:
    """Return a text that a template for JSON made; raise `StepRejected` if it is none."""
    try:
        json.loads(text)
    except ValueError as error:
        raise StepRejected(
            f"the template makes no JSON: {error}",
            code="bad_json",
            hint="write the template as a tree, or insert values with `| tojson`",
        ) from None
    return text


def _written(config: ResponseFormatterConfig, data: object) -> str:
    first = Part(content=data, fields=config.fields)
    written = Written(title=config.title, first=first, parts=list(_parts(config)))
    match config.format:
        case Format.TEXT:
            return to_text(written)
        case Format.MARKDOWN:
            return to_markdown(written)
        case Format.HTML:
            return to_html(written)
        case Format.CSV:
            return to_csv(data, config.fields, config.delimiter)
        case Format.JSON | Format.YAML:
            return _TREE_WRITERS[config.format](written.as_tree())


def _parts(config: ResponseFormatterConfig) -> Iterator[Part]:
    if isinstance(config.sections, dict):
        for heading, content in config.sections.items():
            yield Part(heading=heading, content=unwrapped(content))
        return
    for section in config.sections:
        yield Part(heading=section.title, content=unwrapped(section.content), fields=section.fields)


def _to_json(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"


def _to_yaml(tree: Any) -> str:
    return yaml.dump(tree, Dumper=_YAML, allow_unicode=True, sort_keys=False, width=120)


_TREE_WRITERS: dict[Format, Callable[[Any], str]] = {Format.JSON: _to_json, Format.YAML: _to_yaml}
