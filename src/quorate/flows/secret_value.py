"""A secret in a step's config: named there, put in only where it leaves."""

from collections.abc import Mapping

from quorate.core.secret import Secret
from quorate.flows.executor import StepRejected
from quorate.source.place import did_you_mean, listed
from quorate.source.section import Section


class SecretName(Section):
    """The name of one of the flow's `secrets`; its value never enters a template, an output or the journal."""

    secret: str
    """The name."""

    def found_in(self, secrets: Mapping[str, Secret]) -> Secret:
        """Return the secret; raise `StepRejected` if the flow may not use it."""
        if (found := secrets.get(self.secret)) is None:
            known = sorted(secrets)
            raise StepRejected(
                f"no secret {self.secret!r}{did_you_mean(self.secret, known)} (secrets of this flow: {listed(known)})",
                code="unknown_secret",
                hint="name it under the flow's `secrets` and have it configured",
            )
        return found
