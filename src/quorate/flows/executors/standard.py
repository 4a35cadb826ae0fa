"""The executors that come with the package."""

from quorate.flows.executors.document_extractor import DocumentExtractor
from quorate.flows.executors.file_handler import FileHandler
from quorate.flows.executors.file_type import FileAnalyzer, FileTypeExecutor
from quorate.flows.executors.image_handler import ImageHandler
from quorate.flows.executors.ocr_processor import OcrProcessor
from quorate.flows.registry import AnyExecutor, Executors

STANDARD: tuple[type[AnyExecutor], ...] = (
    DocumentExtractor,
    FileAnalyzer,
    FileHandler,
    FileTypeExecutor,
    ImageHandler,
    OcrProcessor,
)


def standard_executors() -> Executors:
    """Return all of them by name; installed packages may add to it."""
    return Executors(kind() for kind in STANDARD)
