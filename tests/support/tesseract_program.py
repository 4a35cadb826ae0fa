"""The program that reads words in pictures, as one more of what tests may need from the system."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TesseractProgram:
    """Where it is; it runs only while it is asked something."""

    path: str

    def stop(self) -> None:
        """Nothing to end."""
