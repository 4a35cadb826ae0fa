"""What agreement goes by besides the answers."""

from quorate.config.section import Section
from quorate.engine.learned_trust import LearnFrom


class ConsensusSection(Section):
    """What is known of models and of agreement before a question is asked."""

    learn: LearnFrom = LearnFrom.TENANT
    """Whose labels count for a tenant's questions: `tenant`, its own; `all`, those of all tenants together, where they
    may trust each other; `off`, nobody's."""
