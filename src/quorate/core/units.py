"""Money is an integer number of micro-USD: 1,000,000 = one US dollar."""

MICROUSD_PER_USD = 1_000_000


def usd(microusd: int) -> float:
    """Return dollars for display and for JSON fields named `*_usd`; never for arithmetic."""
    return microusd / MICROUSD_PER_USD


def format_usd(microusd: int | None) -> str:
    """Return dollars with six decimals, trailing zeros kept to four places at least; `unknown` for `None`."""
    if microusd is None:
        return "unknown"
    dollars, rest = divmod(microusd, MICROUSD_PER_USD)
    decimals = f"{rest:06d}"
    return f"${dollars}.{decimals[:4]}{decimals[4:].rstrip('0')}"
