from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.templating import Template, TemplateError


def test_plain_data_goes_in_and_text_comes_out() -> None:
    template = Template("{{ name }}: {% for x in items %}{{ x }},{% endfor %}\n")
    assert template.render({"name": "n<&>", "items": [1, 2]}) == "n<&>: 1,2,\n"
    assert template.names == {"name", "items"}
    assert Template("{% for i in range(n) %}{{ i }}{% endfor %}").names == {"n"}


def test_a_missing_name_is_an_error_that_says_where() -> None:
    with pytest.raises(TemplateError, match=r"greeting:2:4: 'nobody' is not there"):
        Template("Hello\n{{ nobody }}", name="greeting").render({"secret": "s3cret"})


def test_an_error_does_not_print_the_values() -> None:
    with pytest.raises(TemplateError) as caught:
        Template("{{ a }}{{ nobody }}").render({"a": "s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("source", ["{{ a", "{% if %}", "{% for %}", "{{ a | nofilter }}"])
def test_wrong_syntax_is_an_error_of_ours(source: str) -> None:
    with pytest.raises(TemplateError):
        Template(source).render({"a": 1})


def test_endless_work_runs_out_of_fuel() -> None:
    with pytest.raises(TemplateError, match="fuel"):
        Template("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}").render({})


def test_an_object_never_enters() -> None:
    with pytest.raises(TypeError, match=r"values\.a\[0\] is object"):
        Template("{{ a }}").render({"a": [object()]})  # pyright: ignore[reportArgumentType] - wrong on purpose


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ a.__class__.__mro__ }}",
        "{{ a | attr('__class__') }}",
        "{{ a['__class__'] }}",
        "{{ self.__init__.__globals__ }}",
    ],
)
def test_no_python_is_reachable(source: str) -> None:
    try:
        text = Template(source).render({"a": "x"})
    except TemplateError:
        return
    assert "class" not in text


@given(st.text())
def test_any_source_renders_or_raises_a_template_error(source: str) -> None:
    with suppress(TemplateError):
        assert isinstance(Template(source).render({}), str)
