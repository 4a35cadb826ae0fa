"""What a worker process is asked, and what it answers: one JSON text each, with bytes behind it where there are any."""

from typing import Literal

import msgspec

from quorate.documents.extracted import Extracted
from quorate.documents.rejected import Reason

#: Characters of text that are read out of one document when nothing else is said, and the most that can be asked for.
USUAL_CHARS = 500_000
MAX_CHARS = 10_000_000
#: Pixels of each side of an image that is made.
MAX_SIDE = 20_000
#: What a worker ends with when a parser is not installed.
PARSER_MISSING = 3

ImageFormat = Literal["png", "jpeg", "webp", "gif", "tiff", "bmp"]
Fit = Literal["contain", "cover", "stretch"]


class ExtractJob(msgspec.Struct, frozen=True, kw_only=True, tag="extract"):
    """Read a document of the given kind; `pages` are numbers from 1, empty for all."""

    path: str
    kind: str
    encoding: str | None = None
    note: str = ""
    password: str = ""
    pages: tuple[int, ...] = ()
    max_chars: int = USUAL_CHARS


class Resize(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="resize"):
    """To a width, a height, or both: within them (`contain`), filling them (`cover`), or exactly (`stretch`)."""

    width: int | None = None
    height: int | None = None
    fit: Fit = "contain"


class Thumbnail(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="thumbnail"):
    """Into a square of `size` pixels; never larger than it is."""

    size: int


class Crop(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="crop"):
    """To a rectangle, in pixels from the upper left."""

    left: int
    top: int
    width: int
    height: int


class Rotate(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="rotate"):
    """By degrees, clockwise; the picture grows to hold its corners."""

    degrees: float


class Grayscale(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="grayscale"):
    """Without colours."""


Operation = Resize | Thumbnail | Crop | Rotate | Grayscale


class ImageJob(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """Look at an image and change it; with neither operations nor a format it is only looked at, unless `always`."""

    path: str
    operations: tuple[Operation, ...] = ()
    format: ImageFormat | None = None
    quality: int = 85
    always: bool = False


class OcrJob(msgspec.Struct, frozen=True, kw_only=True, tag="ocr"):
    """Read the words in an image, or in the images of a PDF's pages, with the program `program`."""

    path: str
    kind: str
    program: str
    languages: tuple[str, ...] = ("eng",)
    page_mode: int = 3
    dpi: int = 300
    min_confidence: float = 0.0
    pages: tuple[int, ...] = ()
    max_pages: int = 50
    password: str = ""


class ImageResult(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """An image as it was (turned upright as its camera says) and as it became; sizes in pixels."""

    format: str
    width: int
    height: int
    mode: str
    frames: int
    original_width: int
    original_height: int
    changed: bool


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word that was read: confidence from 0 to 1, its box in pixels from the upper left of its page."""

    text: str
    confidence: float
    left: int
    top: int
    width: int
    height: int
    page: int
    line: int


class OcrPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page that was read; `confidence` is the mean of its words, 0 without any."""

    number: int
    text: str
    confidence: float
    words: int
    width: int
    height: int


class OcrResult(msgspec.Struct, frozen=True, kw_only=True, tag="ocr"):
    """What was read; `confidence` is the mean over all words, from 0 to 1."""

    text: str
    confidence: float
    pages: list[OcrPage]
    words: list[Word]
    languages: list[str]
    warnings: list[str]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Why there is no answer."""

    reason: Reason
    message: str
    hint: str = ""


Job = ExtractJob | ImageJob | OcrJob
Answer = Extracted | ImageResult | OcrResult | Failed
