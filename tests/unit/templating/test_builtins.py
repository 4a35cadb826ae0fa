"""Whatever is given to a filter, test, function, method or operator: a plain value comes out, or a template error."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.templating import TemplateError
from quorate.templating.builtins import FILTERS, FUNCTIONS, METHODS, TESTS
from quorate.templating.environment import Environment

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**62, 10**40])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["a", "upper", "odd", "key", "0", "a.b", ",", "{{", "MQ==", "[1]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "key", "0"]), inner, max_size=3),
    max_leaves=6,
)
CALLS = [
    *("{{ v | %s }}" % name for name, found in sorted(FILTERS.items()) if not found.slow),  # noqa: UP031 - braces
    *("{{ v | %s(w) }}" % name for name, found in sorted(FILTERS.items()) if not found.slow),  # noqa: UP031 - braces
    *("{{ v | %s(w, x) }}" % name for name, found in sorted(FILTERS.items()) if not found.slow),  # noqa: UP031 - braces
    *("{{ v is %s }}" % name for name, found in sorted(TESTS.items()) if not found.argument),  # noqa: UP031 - braces
    *("{{ v is %s(w) }}" % name for name in sorted(TESTS)),  # noqa: UP031 - braces
    *("{{ %s(v, w) }}" % name for name in sorted(FUNCTIONS)),  # noqa: UP031 - braces
    *("{{ v.%s(w) }}" % name for name in sorted(METHODS)),  # noqa: UP031 - braces
    *("{{ v %s w }}" % sign for sign in "+ - * / // % ** ~ == != < <= > >= in and or".split()),  # noqa: SIM905,UP031 - readable
    *("{{ v[w:x] }}", "{{ v[w] }}", "{{ -v }}", "{{ not v }}", "{{ [v, w] }}", "{{ {v: w} }}", "<{{ v }}>"),
    *("{% for a in v %}{{ a }}{{ loop.index }}{% endfor %}", "{% for a, b in v %}{{ a }}{% endfor %}"),
    *("{{ v if w else x }}", "{% if v %}{{ w }}{% else %}{{ x }}{% endif %}", "{% set a = v %}{{ a ~ a }}"),
]
ENVIRONMENT = Environment()
COMPILED = {written: ENVIRONMENT.value(written, name="config") for written in CALLS}


@pytest.mark.parametrize("written", CALLS)
def test_anything_gives_plain_data_or_a_template_error(written: str) -> None:
    @settings(max_examples=15)  # of each of the 250 calls
    @given(VALUES, VALUES, VALUES)
    def check(v: object, w: object, x: object) -> None:
        before = json.dumps([v, w, x])
        with suppress(TemplateError):
            json.dumps(COMPILED[written].render({"v": v, "w": w, "x": x}), allow_nan=False)
        assert json.dumps([v, w, x]) == before

    check()
