"""Where the saved prompts are."""

from quorate.source.section import FilePath, Section


class PromptsSection(Section):
    """Saved prompts, which are asked like models under the name `prompt/NAME`."""

    folder: FilePath | None = None
    """A folder with one file `NAME.yaml` for each prompt; a changed file is read again. A relative path begins beside
    this file."""
