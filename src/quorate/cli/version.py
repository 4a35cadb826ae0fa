"""Which quorate this is."""


def installed_version() -> str:
    """Return the installed version, or that there is none."""
    from importlib import metadata  # noqa: PLC0415 - slow: 15 ms, needed only here

    try:
        return metadata.version("quorate")
    except metadata.PackageNotFoundError:
        return "(from source, not installed)"
