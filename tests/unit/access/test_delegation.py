"""A key gives nothing that it has not itself."""

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.access.delegation import Rights, delegate
from quorate.access.permission import OPERATOR_ONLY, Permission, Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.core.errors import Forbidden, InvalidRequest
from quorate.core.ids import TenantId
from quorate.model.allowance import Allowance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACME, OTHER = TenantId("acme"), TenantId("other")
NAMES = ["gpt-4", "gpt-4-mini", "claude", "claude-x", "local/a", "panel"]

tenants = st.sampled_from([ACME, OTHER, OPERATOR])
scopes = st.frozensets(st.sampled_from(Scope), min_size=1)
models = st.none() | st.lists(
    st.sampled_from(["*", "gpt-*", "gpt-4*", "gpt-4", "claude*", "local/?", "panel"]), min_size=1, max_size=3
).map(tuple)
amounts = st.none() | st.integers(1, 3)
allowances = st.builds(Allowance, requests_per_minute=amounts, tokens_per_minute=amounts, concurrent_requests=amounts)
times = st.none() | st.integers(1, 5).map(lambda days: NOW + timedelta(days=days))


def principal_of(rights: Rights) -> Principal:
    return Principal(tenant=rights.tenant, scopes=rights.scopes, models=rights.models, expires_at=rights.expires_at)


def no_more(own: int | None, given: int | None) -> bool:
    return own is None or (given is not None and given <= own)


@given(
    maker=st.builds(Principal, tenant=tenants, scopes=scopes, models=models, allowance=allowances, expires_at=times),
    asked=st.builds(Rights, tenant=tenants, scopes=scopes, models=models, allowance=allowances, expires_at=times),
)
def test_what_is_given_is_within_what_the_maker_has(maker: Principal, asked: Rights) -> None:
    try:
        given = delegate(maker, asked, now=NOW)
    except (Forbidden, InvalidRequest):
        return
    made = principal_of(given)
    assert made.permissions <= maker.permissions
    assert made.tenant == maker.tenant or maker.is_operator
    assert all(maker.may_ask(name) for name in NAMES if made.may_ask(name))
    assert maker.expires_at is None or (made.expires_at is not None and made.expires_at <= maker.expires_at)
    for name in Allowance.__slots__:
        assert no_more(getattr(maker.allowance, name), getattr(given.allowance, name))
    # and never more than was asked for
    assert given.scopes == asked.scopes
    assert asked.models is None or all(
        any(fnmatchcase(name, pattern) for pattern in asked.models) for name in NAMES if made.may_ask(name)
    )


@given(maker_scopes=st.frozensets(st.sampled_from(Scope)), tenant=st.sampled_from([ACME, OPERATOR]), asked=scopes)
def test_roles_by_scopes(maker_scopes: frozenset[Scope], tenant: TenantId, asked: frozenset[Scope]) -> None:
    """Exactly the sets of scopes that permit no more than the maker's can be given."""
    maker = Principal(tenant=tenant, scopes=maker_scopes)
    made = Principal(tenant=tenant, scopes=asked)
    useless = tenant != OPERATOR and Scope.METRICS in asked
    try:
        delegate(maker, Rights(tenant=tenant, scopes=asked), now=NOW)
        assert not useless
        assert made.permissions <= maker.permissions
    except InvalidRequest:
        assert useless
    except Forbidden:
        assert not made.permissions <= maker.permissions


def admin(tenant: TenantId = ACME, **fields: object) -> Principal:
    return Principal(tenant=tenant, scopes=frozenset({Scope.ADMIN}), **fields)  # pyright: ignore[reportArgumentType] - whatever a test wants to set


def wish(tenant: TenantId = ACME, **fields: object) -> Rights:
    return Rights(tenant=tenant, scopes=frozenset({Scope.CHAT}), **fields)  # pyright: ignore[reportArgumentType] - whatever a test wants to set


def test_what_is_not_said_is_the_makers() -> None:
    expires_at = NOW + timedelta(days=3)
    maker = admin(models=("gpt-*",), expires_at=expires_at, allowance=Allowance(tokens_per_minute=9))
    given = delegate(maker, wish(), now=NOW)
    assert (given.models, given.expires_at, given.allowance) == (("gpt-*",), expires_at, Allowance(tokens_per_minute=9))


def test_the_operator_makes_keys_for_anybody() -> None:
    assert delegate(admin(OPERATOR), wish(OTHER), now=NOW).tenant == OTHER


@pytest.mark.parametrize(
    ("maker", "asked", "param"),
    [
        (admin(), wish(OTHER), "tenant"),
        (admin(), wish(OPERATOR), "tenant"),
        (Principal(tenant=OPERATOR, scopes=frozenset({Scope.CHAT})), wish(OTHER), "tenant"),
        (admin(models=("gpt-*",)), wish(models=("*",)), "models"),
        (admin(expires_at=NOW + timedelta(days=1)), wish(expires_at=NOW + timedelta(days=2)), "expires_at"),
        (
            admin(allowance=Allowance(requests_per_minute=5)),
            wish(allowance=Allowance(requests_per_minute=6)),
            "allowance.requests_per_minute",
        ),
        (Principal(tenant=ACME, scopes=frozenset({Scope.RUNS})), wish(), "scopes"),
    ],
)
def test_more_is_forbidden(maker: Principal, asked: Rights, param: str) -> None:
    with pytest.raises(Forbidden) as caught:
        delegate(maker, asked, now=NOW)
    assert caught.value.param == param


@given(asked=allowances, per_key=allowances)
def test_what_holds_for_every_key_holds_for_those_that_a_tenant_makes(asked: Allowance, per_key: Allowance) -> None:
    """An allowance takes a key out of `per_key`; a maker within it gives none that allows more, in anything."""
    try:
        given = delegate(admin(), wish(allowance=asked), now=NOW, per_key=per_key).allowance
    except Forbidden:
        return
    for name in Allowance.__slots__:
        assert given.unlimited or no_more(getattr(per_key, name), getattr(given, name))
        assert no_more(getattr(asked, name), getattr(given, name))
    assert given.unlimited or not asked.unlimited, "a key without wishes goes on following per_key"


def test_more_than_holds_for_every_key() -> None:
    per_key, more = Allowance(requests_per_minute=5), Allowance(requests_per_minute=6)
    with pytest.raises(Forbidden) as caught:
        delegate(admin(), wish(allowance=more), now=NOW, per_key=per_key)
    assert caught.value.param == "allowance.requests_per_minute"
    given = delegate(admin(), wish(allowance=Allowance(concurrent_requests=9)), now=NOW, per_key=per_key)
    assert given.allowance == Allowance(requests_per_minute=5, concurrent_requests=9)
    assert delegate(admin(OPERATOR), wish(OTHER, allowance=more), now=NOW, per_key=per_key).allowance == more
    own = admin(allowance=Allowance(requests_per_minute=9))
    assert delegate(own, wish(allowance=more), now=NOW, per_key=per_key).allowance == more


@pytest.mark.parametrize(
    "asked",
    [
        Rights(tenant=ACME, scopes=frozenset()),
        Rights(tenant=ACME, scopes=frozenset({Scope.METRICS})),
        wish(models=()),
        wish(models=("[ab]",)),
        wish(expires_at=NOW),
    ],
)
def test_what_no_key_can_have(asked: Rights) -> None:
    with pytest.raises(InvalidRequest):
        delegate(admin(), asked, now=NOW)


def test_what_concerns_all_tenants_is_the_operators() -> None:
    assert not admin(ACME).permissions & OPERATOR_ONLY
    assert admin(ACME).permissions == frozenset(Permission) - OPERATOR_ONLY
    assert admin(OPERATOR).permissions == frozenset(Permission)
    scrape = frozenset({Scope.METRICS})
    assert Permission.METRICS_READ in Principal(tenant=OPERATOR, scopes=scrape).permissions
    assert Permission.METRICS_READ not in Principal(tenant=ACME, scopes=scrape).permissions


@pytest.mark.parametrize("scope", Scope)
def test_every_key_may_ask_who_it_is(scope: Scope) -> None:
    assert Permission.SELF_READ in Principal(tenant=ACME, scopes=frozenset({scope})).permissions
