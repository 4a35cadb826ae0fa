"""`file_type`, also called `file_analyzer`: what a file is by its content."""

import asyncio

import msgspec

from quorate.documents.file_type import mismatch, recognise
from quorate.flows.executor import Executor, StepContext
from quorate.flows.executors.source_file import SourceFile, path_of, source_of
from quorate.source.section import Section


class FileTypeConfig(Section):
    """Which file is looked at."""

    source: SourceFile | None = None
    """The file; the only one among the inputs if it is not named."""


class FoundType(msgspec.Struct, frozen=True, kw_only=True):
    """What a file is. `file_type` is `pdf`, `image`, `docx`, `xlsx`, `pptx`, `html`, `csv`, `markdown`, `text`, ...

    `declared_mismatch` says how its name contradicts that, empty if it does not; `note` what else is odd.
    """

    file_type: str
    media_type: str
    extension: str
    encoding: str | None
    size: int
    name: str
    declared_mismatch: str
    note: str


class FileTypeExecutor(Executor[FileTypeConfig, FoundType]):
    """Looks at a file's first bytes, and into the index of an archive."""

    name = "file_type"
    summary = "Finds out what a file is, by its content."
    config = FileTypeConfig
    result = FoundType

    async def run(self, config: FileTypeConfig, step: StepContext) -> FoundType:
        """Return what the file is; any bytes are something (`unknown`, `empty`)."""
        source = source_of(config.source, step)
        path = await path_of(source, step)
        found = await asyncio.to_thread(recognise, path, name=source.name)
        return FoundType(
            file_type=found.kind,
            media_type=found.media_type,
            extension=found.extension,
            encoding=found.encoding,
            size=source.size,
            name=source.name,
            declared_mismatch=mismatch(found, name=source.name),
            note=found.note,
        )


class FileAnalyzerExecutor(FileTypeExecutor):
    """The same under the name that older flows use."""

    name = "file_analyzer"
