"""What agreement goes by besides the answers."""

from quorate.config.section import FilePath, Section


class ConsensusSection(Section):
    """What is known of models and of agreement before a question is asked."""

    calibration: FilePath | None = None
    """A file of `quorate calibrate consensus`: agreements get a confidence, models learned votes. A relative path
    begins beside this file."""
