"""The executors that come with Quorate."""

from quorate.flows.executors.condition import Condition
from quorate.flows.executors.data_combiner import DataCombiner
from quorate.flows.executors.document_extractor import DocumentExtractor
from quorate.flows.executors.file_handler import FileHandler
from quorate.flows.executors.file_type import FileAnalyzer, FileTypeExecutor
from quorate.flows.executors.flow_executor import FlowExecutor
from quorate.flows.executors.flow_pipeline import FlowPipeline
from quorate.flows.executors.flow_router import FlowRouter
from quorate.flows.executors.http import HttpExecutor
from quorate.flows.executors.image_handler import ImageHandler
from quorate.flows.executors.llm import LlmExecutor
from quorate.flows.executors.llm_analyzer import LlmAnalyzerExecutor
from quorate.flows.executors.ocr_processor import OcrProcessor
from quorate.flows.executors.parallel_llm import ParallelLlmExecutor
from quorate.flows.executors.prompt import PromptExecutor
from quorate.flows.executors.response_formatter import ResponseFormatter
from quorate.flows.executors.sentiment_analyzer import SentimentExecutor
from quorate.flows.executors.transform import Transform
from quorate.flows.executors.validate import Validate
from quorate.flows.executors.wait import Wait
from quorate.flows.executors.webhook import WebhookExecutor
from quorate.flows.registry import AnyExecutor, Executors

#: Their classes, by name in the alphabet.
STANDARD: tuple[type[AnyExecutor], ...] = (
    Condition,
    DataCombiner,
    DocumentExtractor,
    FileAnalyzer,
    FileHandler,
    FileTypeExecutor,
    FlowExecutor,
    FlowPipeline,
    FlowRouter,
    HttpExecutor,
    ImageHandler,
    LlmAnalyzerExecutor,
    LlmExecutor,
    OcrProcessor,
    ParallelLlmExecutor,
    PromptExecutor,
    ResponseFormatter,
    SentimentExecutor,
    Transform,
    Validate,
    Wait,
    WebhookExecutor,
)


def standard_executors() -> Executors:
    """Return a registry with all of them; those of other packages are found when they are asked for."""
    return Executors(executor() for executor in STANDARD)
