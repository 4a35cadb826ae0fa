"""One gateway for each file of tests: starting one takes a third of a second."""

from collections.abc import Iterator

import pytest

from gateway_site import Site, site


@pytest.fixture(scope="module")
def gateway() -> Iterator[Site]:
    with site() as running:
        yield running
