"""What agreement goes by besides the answers."""

from quorate.engine.learned_trust import LearnFrom
from quorate.source.section import FilePath, Section


class ConsensusSection(Section):
    """What is known of models and of agreement before a question is asked."""

    calibration: FilePath | None = None
    """A file of `quorate calibrate consensus`: agreements get a confidence, models learned votes. A relative path
    begins beside this file."""
    learn: LearnFrom = LearnFrom.TENANT
    """Whose labels count for a tenant's questions: `tenant`, its own; `all`, those of all tenants together, where they
    may trust each other; `off`, nobody's."""
