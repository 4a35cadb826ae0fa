"""The executors that come with Quorate."""

from quorate.flows.executors.condition import ConditionExecutor
from quorate.flows.executors.data_combiner import DataCombinerExecutor
from quorate.flows.executors.document_extractor import DocumentExtractorExecutor
from quorate.flows.executors.file_handler import FileHandlerExecutor
from quorate.flows.executors.file_type import FileAnalyzerExecutor, FileTypeExecutor
from quorate.flows.executors.flow_executor import FlowExecutor
from quorate.flows.executors.flow_pipeline import FlowPipelineExecutor
from quorate.flows.executors.flow_router import FlowRouterExecutor
from quorate.flows.executors.http import HttpExecutor
from quorate.flows.executors.image_handler import ImageHandlerExecutor
from quorate.flows.executors.llm import LlmExecutor
from quorate.flows.executors.llm_analyzer import LlmAnalyzerExecutor
from quorate.flows.executors.ocr_processor import OcrProcessorExecutor
from quorate.flows.executors.parallel_llm import ParallelLlmExecutor
from quorate.flows.executors.prompt import PromptExecutor
from quorate.flows.executors.response_formatter import ResponseFormatterExecutor
from quorate.flows.executors.sentiment_analyzer import SentimentAnalyzerExecutor
from quorate.flows.executors.transform import TransformExecutor
from quorate.flows.executors.validate import ValidateExecutor
from quorate.flows.executors.wait import WaitExecutor
from quorate.flows.executors.webhook import WebhookExecutor
from quorate.flows.registry import AnyExecutor, Executors

#: Their classes, by name in the alphabet.
STANDARD: tuple[type[AnyExecutor], ...] = (
    ConditionExecutor,
    DataCombinerExecutor,
    DocumentExtractorExecutor,
    FileAnalyzerExecutor,
    FileHandlerExecutor,
    FileTypeExecutor,
    FlowExecutor,
    FlowPipelineExecutor,
    FlowRouterExecutor,
    HttpExecutor,
    ImageHandlerExecutor,
    LlmAnalyzerExecutor,
    LlmExecutor,
    OcrProcessorExecutor,
    ParallelLlmExecutor,
    PromptExecutor,
    ResponseFormatterExecutor,
    SentimentAnalyzerExecutor,
    TransformExecutor,
    ValidateExecutor,
    WaitExecutor,
    WebhookExecutor,
)


def standard_executors() -> Executors:
    """Return a registry with all of them; those of other packages are found when they are asked for."""
    return Executors(executor() for executor in STANDARD)
