"""What is done with an image, by Pillow. Runs within a worker process only."""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never, cast

from PIL import Image, ImageOps, UnidentifiedImageError

from quorate.documents.job import (
    MAX_SIDE,
    Crop,
    Grayscale,
    ImageFormat,
    ImageJob,
    ImageResult,
    Operation,
    Resize,
    Rotate,
    Thumbnail,
)
from quorate.documents.rejected import DocumentRejected, Reason

#: Pixels of one image; Pillow's own limit, at which it only warns.
MAX_PIXELS = 89_478_485
_READ = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")
#: What the formats hold; anything else is made one of these.
_MODES: dict[ImageFormat, tuple[str, ...]] = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpeg": ("L", "RGB"),
    "webp": ("RGB", "RGBA"),
    "gif": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB", "YCbCr"),
    "bmp": ("1", "L", "RGB"),
}
_ONE_BYTE = 255
_TWO_BYTES = 65_535


def change(job: ImageJob) -> tuple[ImageResult, bytes]:
    """Return what an image is, and its new bytes if it was changed."""
    with opened(Path(job.path)) as image:
        original = image.size
        kind = (image.format or "").lower()
        frames = int(getattr(image, "n_frames", 1))
        if not (job.operations or job.format or job.always):
            return _told(image, original, kind, frames, changed=False), b""
        made: Image.Image = ImageOps.exif_transpose(image)
        for operation in job.operations:
            made = _apply(made, operation)
        to = job.format or _same(kind)
        made = _held_by(made, to)
        return _told(made, original, to, 1, changed=True), _encoded(made, to, job.quality)


@contextmanager
def opened(path: Path) -> Generator[Image.Image]:
    """Open an image; raise `DocumentRejected` for one that is none, is damaged or has too many pixels."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_READ) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DocumentRejected(
            Reason.TOO_LARGE, f"the image has too many pixels; at most {MAX_PIXELS} are read"
        ) from error
    except UnidentifiedImageError as error:
        raise DocumentRejected(Reason.UNSUPPORTED, "the file is no image that is read here", hint=_KNOWN) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DocumentRejected(Reason.DAMAGED, f"the image is damaged: {str(error)[:200]}") from error


_KNOWN = f"known are {', '.join(_READ)}"


def _told(image: Image.Image, original: tuple[int, int], kind: str, frames: int, *, changed: bool) -> ImageResult:
    return ImageResult(
        format=kind,
        width=image.width,
        height=image.height,
        mode=image.mode,
        frames=frames,
        original_width=original[0],
        original_height=original[1],
        changed=changed,
    )


def _same(kind: str) -> ImageFormat:
    match kind:
        case "jpeg" | "png" | "webp" | "gif" | "tiff" | "bmp":
            return kind
        case _:
            return "png"


def _apply(image: Image.Image, operation: Operation) -> Image.Image:
    match operation:
        case Resize():
            return _resized(image, operation)
        case Thumbnail(size=size):
            smaller = image.copy()
            smaller.thumbnail((size, size))
            return smaller
        case Crop():
            return _cropped(image, operation)
        case Rotate(degrees=degrees):
            # between points of two bytes it would be mixed byte by byte
            source = eight_bits(image) if image.mode.startswith("I;16") else image
            return source.rotate(-degrees, expand=True, resample=Image.Resampling.BICUBIC)
        case Grayscale():
            return eight_bits(image).convert("LA" if image.has_transparency_data else "L")
        case _:
            assert_never(operation)


def _resized(image: Image.Image, asked: Resize) -> Image.Image:
    width = asked.width or max(1, round(image.width * (asked.height or image.height) / image.height))
    height = asked.height or max(1, round(image.height * width / image.width))
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise DocumentRejected(Reason.TOO_LARGE, f"{width} x {height} pixels are more than an image may have")
    if image.mode in {"P", "1"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    match asked.fit:
        case "contain":
            return ImageOps.contain(image, (width, height), Image.Resampling.LANCZOS)
        case "cover":
            return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        case "stretch":
            return image.resize((width, height), Image.Resampling.LANCZOS)
        case _:
            assert_never(asked.fit)


def _cropped(image: Image.Image, asked: Crop) -> Image.Image:
    right, lower = asked.left + asked.width, asked.top + asked.height
    if asked.left < 0 or asked.top < 0 or right > image.width or lower > image.height:
        raise DocumentRejected(
            Reason.UNSUPPORTED,
            f"the rectangle from {asked.left},{asked.top} to {right},{lower} is not within the image "
            f"of {image.width} x {image.height} pixels",
        )
    return image.crop((asked.left, asked.top, right, lower))


def eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture whose points have more than a byte each as one in grey with a byte; any other as it is.

    16 bits are scaled down as a whole; wider ones, and fractions, so that their brightest point is white.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    wide = image.convert("F")
    brightest = cast("tuple[float, float]", wide.getextrema())[1]
    if image.mode.startswith("I;16") or _ONE_BYTE < brightest <= _TWO_BYTES:
        brightest = _TWO_BYTES
    if brightest > _ONE_BYTE:
        wide = wide.point(lambda value: value * (_ONE_BYTE / brightest))
    return wide.convert("L")


def _held_by(image: Image.Image, to: ImageFormat) -> Image.Image:
    """Return the picture in a form that the format holds."""
    modes = _MODES[to]
    if "transparency" in image.info:  # one colour of it is: that is not kept with the points
        image = image.convert("RGBA")
    if image.mode in modes:
        return image
    image = eight_bits(image)
    if image.mode in modes:
        return image
    if not image.has_transparency_data:
        return image.convert("L" if image.mode == "1" and "L" in modes else "RGB")
    layer = image.convert("RGBA")
    if "RGBA" in modes:
        return layer
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _encoded(image: Image.Image, to: ImageFormat, quality: int) -> bytes:
    content = io.BytesIO()
    # nothing of what the camera wrote goes along: place and owner are private
    image.info = {}
    image.save(content, format=to.upper(), **({"quality": quality} if to in {"jpeg", "webp"} else {}))
    return content.getvalue()
