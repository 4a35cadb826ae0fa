"""`image_handler`: looks at an image, and makes a smaller, turned or converted one of it."""

from typing import Annotated, Literal

import msgspec
from pydantic import BeforeValidator, Field

from quorate.documents.images import MAX_DATA_URL_BYTES, change_image, data_url
from quorate.documents.job import MAX_SIDE, Fit, ImageFormat, Operation
from quorate.documents.workers import DocumentWorkers, shared_workers
from quorate.flows.executor import Executor, StepContext
from quorate.flows.executors.byte_size import ByteSize
from quorate.flows.executors.source_file import SourceFile, path_of, rejected_by_step, source_of
from quorate.flows.files import FileRef
from quorate.source.section import Section

#: A new image of a run.
_MAX_BYTES = 50_000_000
_EXTENSIONS = {"jpeg": "jpg"}
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class ResizeSection(Section):
    """To a width, a height, or both."""

    type: Literal["resize"]
    width: Side | None = None
    height: Side | None = None
    fit: Fit = "contain"
    """`contain`: within both; `cover`: filling both, what is too much is cut off; `stretch`: exactly both."""


class ThumbnailSection(Section):
    """Into a square; never larger than it is."""

    type: Literal["thumbnail"]
    size: Side = 256


class CropSection(Section):
    """To a rectangle, in pixels from the upper left."""

    type: Literal["crop"]
    left: int = Field(default=0, ge=0)
    top: int = Field(default=0, ge=0)
    width: Side
    height: Side


class RotateSection(Section):
    """By degrees, clockwise."""

    type: Literal["rotate"]
    degrees: float = Field(ge=-360, le=360)


class GrayscaleSection(Section):
    """Without colours."""

    type: Literal["grayscale"]


OperationSection = Annotated[
    ResizeSection | ThumbnailSection | CropSection | RotateSection | GrayscaleSection, Field(discriminator="type")
]


_SAME_FORMAT = {"jpg": "jpeg", "tif": "tiff"}


def _format(value: object) -> object:
    """Return the name of a format for the extension that people know it by."""
    name = value.strip().lower().removeprefix(".") if isinstance(value, str) else value
    return _SAME_FORMAT.get(name, name) if isinstance(name, str) else name


class ImageHandlerConfig(Section):
    """What is done with which image; with neither operations nor a format it is only looked at."""

    source: SourceFile | None = None
    """The image; the only file among the inputs if it is not named."""
    operations: tuple[OperationSection, ...] = Field(default=(), max_length=20)
    """What is done with it, in this order, after it was turned upright as its camera says."""
    format: Annotated[ImageFormat | None, BeforeValidator(_format)] = None
    """What the new one is; the same as the old one if it is not given."""
    quality: int = Field(default=85, ge=1, le=100)
    """Of JPEG and WebP."""
    data_url: bool = False
    """Whether the result holds the image as a `data:` URL, for a model that sees."""
    max_data_url: ByteSize = Field(default=MAX_DATA_URL_BYTES, ge=1)
    """The longest such URL; a longer one is an error."""


class HandledImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image: `file` is the new one, or the old one if nothing was to be done. Sizes are pixels."""

    file: FileRef
    width: int
    height: int
    format: str
    media_type: str
    mode: str
    frames: int
    original_width: int
    original_height: int
    data_url: str | None


class ImageHandlerExecutor(Executor[ImageHandlerConfig, HandledImage]):
    """Works on images in processes of their own, with limits."""

    name = "image_handler"
    summary = "Looks at an image, scales, cuts, turns or converts it."
    config = ImageHandlerConfig
    result = HandledImage

    def __init__(self, workers: DocumentWorkers | None = None) -> None:
        self._workers = workers

    async def run(self, config: ImageHandlerConfig, step: StepContext) -> HandledImage:
        """Return the image; raise `StepRejected` with the reason as its code."""
        source = source_of(config.source, step)
        path = await path_of(source, step)
        operations = tuple(msgspec.convert(each.model_dump(), Operation) for each in config.operations)
        with rejected_by_step(source):
            made, content = await change_image(
                path,
                operations,
                to=config.format,
                quality=config.quality,
                always=config.data_url,
                workers=self._workers or shared_workers(),
            )
            media_type = f"image/{made.format}"
            url = data_url(content, media_type, max_bytes=config.max_data_url) if config.data_url else None
        return HandledImage(
            file=await _kept(step, source, made.format, content) if made.changed else source,
            width=made.width,
            height=made.height,
            format=made.format,
            media_type=media_type,
            mode=made.mode,
            frames=made.frames,
            original_width=made.original_width,
            original_height=made.original_height,
            data_url=url,
        )


async def _kept(step: StepContext, source: FileRef, kind: str, content: bytes) -> FileRef:
    stem = source.name.rpartition(".")[0] or source.name
    name = f"{stem}.{_EXTENSIONS.get(kind, kind)}"
    return await step.services.files.keep(step.call.id, content, name=name, max_bytes=_MAX_BYTES)
