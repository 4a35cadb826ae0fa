"""Images: looked at, turned upright, scaled, cut, converted."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from document_workers import running_workers
from quorate.documents.images import change_image, data_url
from quorate.documents.job import Crop, Grayscale, ImageFormat, Operation, Resize, Rotate, Thumbnail
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers

ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825


@pytest.fixture(scope="module")
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red strip on the left of a picture of 400 x 200, taken with the camera turned, which says where it was."""
    image = Image.new("RGB", (400, 200), "blue")
    image.paste("red", (0, 0, 40, 200))
    about = Image.Exif()
    about[ORIENTATION] = 6
    about[MAKER] = "Somebody's camera"
    about.get_ifd(GPS)[1] = "N"
    image.save(tmp_path / "photo", format="JPEG", exif=about, quality=95)
    return tmp_path / "photo"


async def test_only_looked_at(photo: Path, workers: DocumentWorkers) -> None:
    found, content = await change_image(photo, workers=workers)
    assert (found.format, found.width, found.height, found.changed, content) == ("jpeg", 400, 200, False, b"")


@pytest.mark.parametrize(
    ("operations", "size"),
    [
        ([Resize(width=100)], (100, 200)),
        ([Resize(width=100, height=100)], (50, 100)),
        ([Resize(width=100, height=100, fit="cover")], (100, 100)),
        ([Resize(width=10, height=90, fit="stretch")], (10, 90)),
        ([Thumbnail(size=40)], (20, 40)),
        ([Thumbnail(size=4000)], (200, 400)),
        ([Crop(left=10, top=20, width=30, height=40)], (30, 40)),
        ([Rotate(degrees=90)], (400, 200)),
        ([Crop(left=0, top=0, width=200, height=100), Thumbnail(size=50), Grayscale()], (50, 25)),
    ],
)
async def test_sizes_after_it_was_turned_upright(
    photo: Path, workers: DocumentWorkers, operations: list[Operation], size: tuple[int, int]
) -> None:
    found, content = await change_image(photo, operations, to="png", workers=workers)
    made = Image.open(io.BytesIO(content))
    assert (made.size, (found.width, found.height), made.format) == (size, size, "PNG")
    assert made.mode == ("L" if Grayscale() in operations else "RGB")


async def test_upright_and_without_what_the_camera_wrote(photo: Path, workers: DocumentWorkers) -> None:
    _, content = await change_image(photo, to="jpeg", quality=95, workers=workers)
    made = Image.open(io.BytesIO(content))
    red, _, blue = cast("tuple[int, int, int]", made.getpixel((100, 5)))
    assert red > 200 > blue
    assert not made.getexif()
    assert b"camera" not in content


async def test_transparent_becomes_white_where_there_is_no_transparency(
    tmp_path: Path, workers: DocumentWorkers
) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    _, content = await change_image(tmp_path / "a.png", to="jpeg", workers=workers)
    assert Image.open(io.BytesIO(content)).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("operations", "reason"),
    [([Crop(left=0, top=0, width=999, height=9)], Reason.UNSUPPORTED), ([Resize(width=20_001)], Reason.TOO_LARGE)],
)
async def test_what_cannot_be_done(
    photo: Path, workers: DocumentWorkers, operations: list[Operation], reason: Reason
) -> None:
    with pytest.raises(DocumentRejected) as caught:
        await change_image(photo, operations, workers=workers)
    assert caught.value.reason is reason


@pytest.mark.parametrize("to", ["png", "jpeg", "webp", "gif", "tiff", "bmp"])
@pytest.mark.parametrize("operations", [[], [Grayscale()], [Rotate(degrees=90)], [Resize(width=20)]], ids=str)
@pytest.mark.parametrize("mode", ["CMYK", "I;16", "F", "YCbCr"])
async def test_every_kind_of_points_goes_into_every_format(
    tmp_path: Path, workers: DocumentWorkers, mode: str, operations: list[Operation], to: ImageFormat
) -> None:
    grey = Image.new("L", (40, 40), 128)
    deep = {"I;16": 128 * 257, "F": 128 * 257.0}
    image = Image.new(mode, grey.size, deep[mode]) if mode in deep else grey.convert("RGB").convert(mode)
    image.save(tmp_path / "a.tiff")
    found, content = await change_image(tmp_path / "a.tiff", operations, to=to, workers=workers)
    with Image.open(io.BytesIO(content)) as made:
        assert (made.format or "").lower() == found.format == to
        if not found.mode.startswith(("I", "F")):
            values = cast("tuple[int, ...]", made.convert("RGB").getpixel((made.width // 2, made.height // 2)))
            assert all(abs(value - 128) <= 5 for value in values)


@pytest.mark.parametrize("to", ["png", "webp", "gif"])
async def test_a_transparent_colour_stays_transparent(
    tmp_path: Path, workers: DocumentWorkers, to: ImageFormat
) -> None:
    drawn = Image.new("P", (10, 10), 1)
    drawn.putpalette([255, 0, 0, 0, 0, 255])
    drawn.paste(0, (0, 0, 5, 10))
    drawn.save(tmp_path / "a.gif", transparency=0)
    _, content = await change_image(tmp_path / "a.gif", to=to, workers=workers)
    with Image.open(io.BytesIO(content)) as made:
        assert [cast("tuple[int, ...]", made.convert("RGBA").getpixel((x, 5)))[3] for x in (2, 8)] == [0, 255]


def test_a_data_url_has_a_longest_length() -> None:
    assert data_url(b"abc", "image/png") == "data:image/png;base64,YWJj"
    with pytest.raises(DocumentRejected, match="at most 10"):
        data_url(b"abc", "image/png", max_bytes=10)
