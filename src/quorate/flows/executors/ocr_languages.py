"""Languages of the words in pictures, as people write them: `eng`, `eng+deu`, `[eng, deu]`."""

from typing import Annotated

from pydantic import BeforeValidator, Field


def ocr_languages(value: object) -> object:
    """Return languages as a list."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.replace(",", "+").split("+") if part.strip()]


#: Languages as tesseract names them, one at least.
OcrLanguages = Annotated[
    tuple[str, ...],
    BeforeValidator(ocr_languages, json_schema_input_type=list[str] | str),
    Field(min_length=1, max_length=10),
]
