"""What happens when a model fails, as written."""

from collections.abc import Iterator

from pydantic import Field

from quorate.contracts.output_section import ContractedSection
from quorate.core.errors import Failure
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.resilient import OnCut
from quorate.source.place import KeyPath
from quorate.source.section import ModelNames


class ResilienceSection(ContractedSection):
    """What every model that is no ensemble may say about its failures and its answers."""

    fallbacks: ModelNames = ()
    """Models that are asked in this order when this one has failed for good; theirs are asked after them."""
    fallbacks_on: dict[Failure, ModelNames] = Field(default_factory=dict)
    """Other fallbacks for a kind of failure, e.g. `context_length: [big-model]`; `[]`: none for this kind."""
    on_cut: OnCut = OnCut.ERROR
    """When a streamed answer breaks off after a part of it was read: `error` ends the stream with an error event;
    `restart` holds every streamed answer back until it is whole, so that it can begin anew (the first token comes with
    the last)."""

    def falls_back(self) -> Fallbacks:
        """Return the fallbacks it names."""
        return Fallbacks(models=self.fallbacks, on=self.fallbacks_on)

    def named(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield every fallback and where it is written, below the section."""
        for index, name in enumerate(self.fallbacks):
            yield ("fallbacks", index), name
        for failure, names in self.fallbacks_on.items():
            for index, name in enumerate(names):
                yield ("fallbacks_on", failure.value, index), name
