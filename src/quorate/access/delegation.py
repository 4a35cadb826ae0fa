"""What a key may give to a key that it makes: nothing that it has not itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from quorate.access.model_patterns import check_patterns, within
from quorate.access.permission import GRANTS, OPERATOR_ONLY, Permission, Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.core.errors import Forbidden, InvalidRequest
from quorate.core.ids import TenantId
from quorate.model.allowance import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a key is to be good for."""

    tenant: TenantId
    scopes: frozenset[Scope]
    models: tuple[str, ...] | None = None
    allowance: Allowance = field(default_factory=Allowance)
    expires_at: datetime | None = None


def delegate(maker: Principal, asked: Rights, *, now: datetime, per_key: Allowance | None = None) -> Rights:
    """Return the rights that a key made by `maker` gets: what was asked, and where nothing was said, the maker's own.

    The maker's models, expiry and allowance bound those of the new key; its scopes permit nothing that the maker's do
    not; its tenant is the maker's, or any for the operator. `per_key` is what holds for keys without an allowance; it
    bounds what such a maker gives, unless that is the operator. Raises `Forbidden` for more than that, `InvalidRequest`
    for what no key can have.
    """
    if not asked.scopes:
        raise InvalidRequest("a key needs at least one scope", param="scopes")
    if asked.expires_at is not None and asked.expires_at <= now:
        raise InvalidRequest(
            f"expires_at {asked.expires_at.isoformat()} has passed; give a later time", param="expires_at"
        )
    if asked.tenant != maker.tenant and not maker.is_operator:
        raise Forbidden(f"this key cannot make keys for the tenant {asked.tenant!r}; leave it out", param="tenant")
    _check_scopes(maker, asked)
    return Rights(
        tenant=asked.tenant,
        scopes=asked.scopes,
        models=_models(maker.models, asked.models),
        allowance=_allowance(maker, asked.allowance, per_key or Allowance()),
        expires_at=_expiry(maker.expires_at, asked.expires_at),
    )


def _check_scopes(maker: Principal, asked: Rights) -> None:
    for scope in Scope:
        if scope not in asked.scopes:
            continue
        granted = GRANTS[scope] if asked.tenant == OPERATOR else GRANTS[scope] - OPERATOR_ONLY
        if granted <= {Permission.SELF_READ}:
            raise InvalidRequest(f"the scope {scope.value!r} is for keys of the operator alone", param="scopes")
        if not granted <= maker.permissions:
            raise Forbidden(f"this key cannot give the scope {scope.value!r}, which it has not itself", param="scopes")


def _models(own: tuple[str, ...] | None, asked: Iterable[str] | None) -> tuple[str, ...] | None:
    if asked is None:
        return own
    patterns = check_patterns(asked)
    if own is not None:
        for pattern in patterns:
            if not any(within(pattern, outer) for outer in own):
                raise Forbidden(f"this key cannot give {pattern!r}, which is not within its own models", param="models")
    return patterns


def _expiry(own: datetime | None, asked: datetime | None) -> datetime | None:
    if own is not None and asked is not None and asked > own:
        raise Forbidden(
            f"this key expires at {own.isoformat()} and cannot make one that is good for longer", param="expires_at"
        )
    return own if asked is None else asked


def _allowance(maker: Principal, asked: Allowance, per_key: Allowance) -> Allowance:
    own = maker.allowance
    if own.unlimited and not maker.is_operator:
        if asked.unlimited:
            return asked
        # An allowance of its own would take the new key out of `per_key`, in what it does not name as well.
        own = per_key
    return Allowance(
        requests_per_minute=_bounded(own.requests_per_minute, asked.requests_per_minute, "requests_per_minute"),
        tokens_per_minute=_bounded(own.tokens_per_minute, asked.tokens_per_minute, "tokens_per_minute"),
        concurrent_requests=_bounded(own.concurrent_requests, asked.concurrent_requests, "concurrent_requests"),
    )


def _bounded(own: int | None, asked: int | None, name: str) -> int | None:
    if own is not None and asked is not None and asked > own:
        raise Forbidden(f"this key has {name} {own} and cannot give {asked}", param=f"allowance.{name}")
    return own if asked is None else asked
