"""The path every call takes: from a name to the model that answers."""

from quorate.engine.catalog import Catalog, Entry, EntrySource, ModelCard, ModelKind

__all__ = ["Catalog", "Entry", "EntrySource", "ModelCard", "ModelKind"]
