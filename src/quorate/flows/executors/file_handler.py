"""`file_handler`: lets a file through that is small enough and of a wanted kind, by its content."""

import asyncio
from typing import Literal

import msgspec
from pydantic import Field

from quorate.documents.file_name import safe_name
from quorate.documents.file_type import FileType, mismatch, recognise, same_extension
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.flows.executors.byte_size import ByteSize
from quorate.flows.executors.source_file import SourceFile, path_of, source_of
from quorate.flows.files import FileRef
from quorate.source.section import Section, Texts


class FileHandlerConfig(Section):
    """What a file must be. Formats are kinds (`pdf`, `image`), media types (`image/*`) or extensions (`.docx`)."""

    source: SourceFile | None = None
    """The file; the only one among the inputs if it is not named."""
    max_size: ByteSize | None = Field(default=None, ge=0)
    """The largest size, in bytes or as `10MB`."""
    min_size: ByteSize = Field(default=1, ge=0)
    """The smallest size; empty files are refused unless it is 0."""
    allowed_formats: Texts = ()
    """What it may be, by its content; anything if this and the next two are empty."""
    allowed_types: Texts = ()
    """The same."""
    allowed_extensions: Texts = ()
    """The same."""
    on_mismatch: Literal["reject", "accept"] = "reject"
    """What happens to a file whose name says something else than its content."""


class HandledFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was let through."""

    file: FileRef
    name: str
    size: int
    sha256: str
    file_type: str
    media_type: str
    extension: str
    declared_mismatch: str


class FileHandlerExecutor(Executor[FileHandlerConfig, HandledFile]):
    """Checks a file before anything reads it."""

    name = "file_handler"
    summary = "Lets a file through that is small enough and of a wanted kind, by its content."
    config = FileHandlerConfig
    result = HandledFile

    async def run(self, config: FileHandlerConfig, step: StepContext) -> HandledFile:
        """Return what it is; raise `StepRejected` (`too_large`, `too_small`, `unsupported_format`, `mismatch`)."""
        source = source_of(config.source, step)
        _require_size(source, config)
        path = await path_of(source, step)
        found = await asyncio.to_thread(recognise, path, name=source.name)
        _require_format(source, found, (*config.allowed_formats, *config.allowed_types, *config.allowed_extensions))
        contradiction = mismatch(found, name=source.name)
        if contradiction and config.on_mismatch == "reject":
            raise StepRejected(
                f"{source.name}: {contradiction}",
                code="mismatch",
                hint="send it under its right name, or set on_mismatch: accept",
            )
        return HandledFile(
            file=source,
            name=safe_name(source.name),
            size=source.size,
            sha256=source.sha256,
            file_type=found.kind,
            media_type=found.media_type,
            extension=found.extension,
            declared_mismatch=contradiction,
        )


def _require_size(source: FileRef, config: FileHandlerConfig) -> None:
    if config.max_size is not None and source.size > config.max_size:
        raise StepRejected(
            f"{source.name} has {source.size} bytes, more than {config.max_size}", code="too_large", hint="send less"
        )
    if source.size < config.min_size:
        raise StepRejected(f"{source.name} has {source.size} bytes, less than {config.min_size}", code="too_small")


def _require_format(source: FileRef, found: FileType, allowed: tuple[str, ...]) -> None:
    if allowed and not any(_fits(found, wanted.strip().lower()) for wanted in allowed):
        raise StepRejected(
            f"{source.name} is {found.label}; allowed are {', '.join(allowed)}", code="unsupported_format"
        )


def _fits(found: FileType, wanted: str) -> bool:
    if wanted.endswith("/*"):
        return found.media_type.startswith(wanted[:-1])
    same = same_extension(wanted if wanted.startswith(".") else f".{wanted}")
    return wanted in {found.kind, found.media_type, "*"} or (found.extension != "" and same == found.extension)
