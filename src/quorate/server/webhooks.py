"""The configured webhooks, ready to send, and the messages of budgets."""

from collections.abc import Mapping

from quorate.access.budget_notice import BudgetNotice, facts_of
from quorate.config.connections import transport_for
from quorate.config.load import Settings
from quorate.config.secret_reference import fetch_secret
from quorate.core.clock import Clock
from quorate.core.net import OutboundGate
from quorate.core.secret import Secret
from quorate.providers.transport import Transport, TransportSettings
from quorate.resilience.webhook import Webhook, WebhookMessage


class Webhooks:
    """All configured webhooks by name, over one transport that trusts exactly their addresses; a live object."""

    def __init__(self, webhooks: Mapping[str, Webhook], transport: Transport | None) -> None:
        self.webhooks = webhooks
        self._transport = transport

    def notify_of_budget(self, notice: BudgetNotice) -> None:
        """Have a budget's notice sent."""
        self.webhooks[notice.webhook].send(
            WebhookMessage(
                id=notice.id, type=notice.type, at=notice.at, data={"budget": facts_of(notice.claim, notice.standing)}
            )
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.close()


def open_webhooks(settings: Settings, clock: Clock) -> Webhooks:
    """Return the configured webhooks. Reads their secrets: blocking; raises `Misconfigured` for one that is missing."""
    sections = settings.config.webhooks
    if not sections:
        return Webhooks({}, None)
    gate = OutboundGate.for_base_urls(section.url for section in sections.values())
    transport = transport_for(gate, TransportSettings(), settings.environ)
    return Webhooks(
        {
            name: Webhook(
                name,
                section.url,
                transport,
                clock,
                secret=None if section.secret is None else _secret(section.secret, name, settings),
                timeout_s=section.timeout_s,
            )
            for name, section in sections.items()
        },
        transport,
    )


def _secret(reference: str, name: str, settings: Settings) -> Secret:
    path = ("webhooks", name, "secret")
    where = f"{settings.origin(*path).where}: {'.'.join(path)}"
    return fetch_secret(reference, settings.environ, where=where, resolve=lambda file: settings.resolved(file, *path))
