"""Versions by Semantic Versioning 2.0.0 (semver.org), their order, and ranges of them as npm writes them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_NAMES = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER})(?:\.(?P<patch>{_NUMBER}))?)?"
    rf"(?:-(?P<pre>{_NAMES}))?(?:\+(?P<build>{_NAMES}))?"
)
_RANGE_PART = re.compile(rf"(?P<sign>\^|~|>=|<=|>|<|=)?\s*(?P<version>v?{_NUMBER}[0-9A-Za-z.+-]*)")
#: How many numbers a whole version has.
_ALL = 3
_ANY = frozenset({"", "*", "x", "latest"})


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version; in order of precedence (section 11): a pre-release comes before its release, builds do not count."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()
    build: str = field(default="", compare=False)

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Major, minor and patch number."""
        return self.major, self.minor, self.patch

    @property
    def stable(self) -> bool:
        """Whether it is no pre-release."""
        return not self.pre

    def __lt__(self, other: "Version") -> bool:
        return self._order() < other._order()

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{f'+{self.build}' if self.build else ''}"

    def _order(self) -> tuple[int, int, int, bool, list[tuple[bool, int, str]]]:
        # Numbers before words, numbers by size, and a longer list after the shorter one that it begins with.
        names = [(not name.isdigit(), int(name) if name.isdigit() else 0, name) for name in self.pre]
        return *self.numbers, self.stable, names


#: Whether a version is in a range.
Range = Callable[[Version], bool]


@lru_cache(maxsize=4096)
def parsed_version(text: str) -> Version | None:
    """Return a version; a missing minor or patch number is 0, a `v` in front is left out; `None` for anything else."""
    if (match := _VERSION.fullmatch(text.strip())) is None:
        return None
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    if any(name.isdigit() and len(name) > 1 and name.startswith("0") for name in pre):
        return None
    numbers = [int(match[name] or 0) for name in ("major", "minor", "patch")]
    return Version(major=numbers[0], minor=numbers[1], patch=numbers[2], pre=pre, build=match["build"] or "")


def full_version(text: str) -> str | None:
    """Return a version written out (`1` is `1.0.0`), or `None` if it is none."""
    version = parsed_version(text)
    return None if version is None else str(version)


@lru_cache(maxsize=1024)
def parsed_range(text: str) -> Range | None:
    """Return a range: `^1.2`, `~1.2.3`, `>=1.2,<2`, `1.x`, `*`, several joined by `||`; `None` for anything else.

    As in npm, a pre-release is only in a range that names a pre-release of the same three numbers.
    """
    ways = [_all_of(way) for way in text.split("||")]
    known = [way for way in ways if way is not None]
    return (lambda version: any(way(version) for way in known)) if len(known) == len(ways) else None


def _all_of(text: str) -> Range | None:
    if text.strip() in _ANY:
        return lambda version: version.stable
    parts = text.replace(",", " ")
    if _RANGE_PART.sub("", parts).strip():
        return None
    tests: list[Range] = []
    named: list[Version] = []
    for match in _RANGE_PART.finditer(parts):
        bare = re.sub(r"(?:\.[x*])+$", "", match["version"])
        if (version := parsed_version(bare)) is None:
            return None
        named.append(version)
        tests.append(_one(match["sign"] or "", version, numbers=_numbers(bare)))
    return lambda version: _may_be_named(version, named) and all(test(version) for test in tests)


def _may_be_named(version: Version, named: Iterable[Version]) -> bool:
    return version.stable or any(not each.stable and each.numbers == version.numbers for each in named)


def _numbers(text: str) -> int:
    """Return how many of the three numbers a text says."""
    return len(re.split(r"[-+]", text, maxsplit=1)[0].split("."))


def _one(sign: str, least: Version, *, numbers: int) -> Range:
    match sign:
        case ">=":
            return lambda version: version >= least
        case ">":
            after = _next(least, numbers) if numbers < _ALL else None
            return (lambda version: version >= after) if after is not None else (lambda version: version > least)
        case "<":
            return lambda version: version < least
        case "<=":
            after = _next(least, numbers) if numbers < _ALL else None
            return (lambda version: version < after) if after is not None else (lambda version: version <= least)
        case "^":
            return _between(least, _next(least, _caret_numbers(least, numbers)))
        case "~":
            return _between(least, _next(least, min(numbers, 2)))
        case _:
            return _between(least, _next(least, numbers)) if numbers < _ALL else (lambda version: version == least)


def _between(least: Version, end: Version) -> Range:
    return lambda version: least <= version < end


def _caret_numbers(version: Version, numbers: int) -> int:
    """Return how many numbers `^` holds fast: up to the first that is not zero."""
    first = next((index for index, value in enumerate(version.numbers) if value), 2)
    return min(first + 1, max(numbers, 1))


def _next(version: Version, numbers: int) -> Version:
    """Return the first version with other values in the first `numbers` numbers."""
    major, minor, patch = version.numbers
    ends = ((major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1))
    end = ends[numbers - 1]
    return Version(major=end[0], minor=end[1], patch=end[2])
