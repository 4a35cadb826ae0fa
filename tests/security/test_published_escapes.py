"""Ways out of sandboxes that were published, tried on templates and functions of flows; and bombs of their own kind.

Templates: Jinja2 (CVE-2016-10745, CVE-2019-10906, CVE-2024-56201, CVE-2024-56326, CVE-2025-27516, and what applications
that render strangers' templates were broken by), `xmlattr` and `urlize` (CVE-2024-22195, CVE-2024-34064,
CVE-2020-28493). Functions: RestrictedPython (CVE-2023-37271: frames of generators, CVE-2023-41039: `format`,
CVE-2024-47532: `string.Formatter`, CVE-2025-22153: `except*`), and what simple evaluators forgot: patterns of classes,
positional-only arguments, errors that hold the object they speak of.
"""

from collections.abc import Iterator
from time import monotonic, process_time
from typing import Any

import pytest

from quorate.templating import Template, TemplateError
from quorate.templating.environment import Environment
from quorate.templating.functions import FunctionPool

SCOPE: dict[str, Any] = {"inputs": {"text": "x", "map": {"a": 1}, "big": "y " * 500_000, "list": list(range(10_000))}}
TEMPLATES = [
    "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ ''['__cl' ~ 'ass__'] }}",
    "{{ inputs['__class__' | string] }}",
    "{{ inputs.map['_' ~ '_init__'] }}",
    "{{ inputs | attr('__cl' ~ 'ass__') }}",
    "{{ (inputs | attr)('__class__') }}",
    "{{ ['__class__'] | map('attr') | list }}",
    "{{ [inputs] | map('attr', 'map') | list }}",
    "{{ [inputs.text] | map('format', 1) | list }}",
    "{{ ['{0.__class__}'] | map('format', inputs) | list }}",
    "{% set f = '{0.__class__}'.format %}{{ f(inputs) }}",
    "{{ '{0.__class__}'['format'](inputs) }}",
    "{{ ('{0.__class__}' | attr('format'))(inputs) }}",
    "{% filter format(inputs) %}{0.__class__}{% endfilter %}",
    "{% for name, value in inputs.map.items %}{{ value }}{% endfor %}",
    "{% for f in [''.format] %}{{ f('x') }}{% endfor %}",
    "{{ inputs.text.format }}",
    "{{ inputs.text.__format__('1000000000') }}",
    "{{ inputs.map | xmlattr }}",
    "{{ {'a onload=alert(1)': 1} | xmlattr }}",
    "{{ inputs.text | urlize }}",
    "{{ inputs.text | forceescape }}",
    "{{ inputs.text | wordwrap(1) }}",
    "{{ inputs.text | filesizeformat }}",
    "{{ inputs.list | random }}",
    "{{ lipsum | attr('__globals__') }}",
    "{{ cycler | attr('__init__') }}",
    "{{ joiner | attr('__init__') }}",
    "{{ namespace | attr('__init__') }}",
    "{% set ns = namespace(a=1) %}{{ ns.__class__ }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
    "{{ self.__dict__ }}",
    "{{ varargs }}",
    "{{ kwargs }}",
    "{% macro m() %}{{ varargs.__class__ }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{{ loop.parent.__class__ }}",
    "{% import 'a' as m with context %}{{ m.__class__ }}",
    "{% extends inputs.text %}",
    "{% include ['/etc/passwd', 'x'] %}",
    "{% include inputs.map %}",
    "{% set x %}{% include 'x' ignore missing %}{% endset %}{{ x.__class__ }}",
    "{{ url_for.__globals__.current_app.config }}",
    "{{ application.settings }}",
    "{{ states.__class__ }}",
    "{{ hostvars['x'] }}",
    "{{ lookup('pipe', 'id') }}",
    "{{ query('env', 'PATH') }}",
    "{{ macros.datetime.__class__ }}",
    "{{ run.__class__ }}",
    "{{ env.PATH }}",
    "{{ getenv('PATH') }}",
    "{{ 1.__class__ }}",
    "{{ (1).__class__.__base__ }}",
    "{{ true.__class__ }}",
    "{{ none.__class__ }}",
    "{{ range.__init__ }}",
    "{{ dict.__base__ }}",
    "{{ dict().update }}",
    "{{ '%s' % inputs }}",
    "{{ '%(a.__class__)s' % inputs }}",
]
#: Each costs little by itself; only all of it together is too much.
SLOW_TEMPLATES = [
    "{% for i in range(9999) if inputs.big | slug == 'x' %}{% endfor %}",
    "{% for i in inputs.list if inputs.big | title == 'x' %}{% endfor %}",
    "{% if inputs.big | title == 'x' %}{% endif %}" * 2_000,
    "{% set a = inputs.big | slug %}" * 3_000,
    "{{ " + " or ".join(["inputs.big | title == ''"] * 200) + " }}",
]
#: Saved prompts and the prompts of groups are templates as well, and what is put into them is strangers'.
PROMPTS = [
    "{{ 'x' * 10**9 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{% for i in range(9999) %}{{ big }}{% endfor %}",
    "{% for i in list %}{{ big }}{% endfor %}",
    "{{ big | replace('y', big) }}",
    "{{ list | join(big) }}",
    "{{ list | batch(10**9, big) }}",
    "{{ list | slice(10**9) | list }}",
    "{{ big | indent(10**8) }}",
    "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{{ debug() }}",
    "{{ big | regex_replace('(y+)+$', '') }}",
]
ESCAPES = {
    "except star": (
        "def f():\n    try:\n        raise ValueError('x')\n    except* Exception as e:\n        return str(type(e))"
    ),
    "frame of generator": "def f():\n    g = (x for x in [1])\n    return str(g.gi_frame.f_back.f_globals)",
    "frame of traceback": (
        "def f():\n    try:\n        1 / 0\n    except Exception as e:\n"
        "        return str(e.__traceback__.tb_frame.f_globals)"
    ),
    "obj of error": (
        "def f():\n    try:\n        f.nothing\n    except AttributeError as e:\n        return str(e.obj.__globals__)"
    ),
    "format": "def f():\n    return '{0.__class__.__mro__}'.format(f)",
    "format map": "def f():\n    return '{a.__globals__}'.format_map({'a': f})",
    "format taken apart": "def f():\n    g = str.format\n    return g('{0.__globals__}', f)",
    "Formatter": ("import string\ndef f():\n    return string.Formatter().get_field('0.__globals__', (f,), {})"),
    "f-string": "def f():\n    return f'{f.__globals__}'",
    "match class": (
        "def f():\n    match f:\n        case object(__globals__=g):\n"
        "            return str(g)\n    raise ValueError('none')"
    ),
    "positional only": "def f():\n    g = lambda x, /: x.__globals__\n    return str(g(f))",
    "type": ("def f():\n    return str(type('A', (object,), {})().__class__.__mro__[-1].__subclasses__())"),
    "build class": "def f():\n    return str(__build_class__)",
    "builtins": "def f():\n    return str(__builtins__['open'])",
    "loader": "def f():\n    return str(__loader__.load_module('os'))",
    "spec": "import json\ndef f():\n    return str(json.__spec__.loader)",
    "module dict": "import json\ndef f():\n    return str(json.__dict__['codecs'])",
    "module of module": "import json\ndef f():\n    return str(json.codecs.open('/etc/passwd'))",
    "re module": "import re\ndef f():\n    return str(re.sys.modules)",
    "collections sys": "import collections\ndef f():\n    return str(collections._sys.modules)",
    "dataclasses": (
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = 0\n"
        "def f():\n    return str(A.__init__.__globals__)"
    ),
    "namedtuple": (
        "from collections import namedtuple\ndef f():\n"
        "    return str(namedtuple('A', \"x'; import os; os.system('id')#\"))"
    ),
    "reduce": (
        "class A:\n    def __reduce__(self):\n        return (eval, ('1',))\ndef f():\n"
        "    import pickle\n    return str(pickle.dumps(A()))"
    ),
    "decorator": "@exec\n@input\nclass A:\n    pass\ndef f():\n    return 1",
    "setattr": "def f():\n    setattr(f, '__code__', None)\n    return 1",
    "vars": "def f():\n    return str(vars(f))",
    "dir": "def f():\n    return str(dir(f))",
    "globals()": "def f():\n    return str(globals())",
    "compile": "def f():\n    return str(compile('1', 'x', 'eval'))",
    "breakpoint": "def f():\n    breakpoint()\n    return 1",
    "input": "def f():\n    return input()",
    "asyncio loop": "import asyncio\ndef f():\n    return str(asyncio.get_event_loop()._selector)",
}
BOMBS = {
    "width of f-string": "def f():\n    return f'{1:1000000000}'",
    "nested width": "def f():\n    return f'{1:{10**10}}'",
    "percent width": "def f():\n    return '%1000000000d' % 1",
    "precision": "def f():\n    return f'{1.0:.1000000000f}'",
    "center": "def f():\n    return 'x'.center(10**10)",
    "zfill": "def f():\n    return 'x'.zfill(10**10)",
    "ljust": "def f():\n    return 'x'.ljust(10**10)",
    "expandtabs": "def f():\n    return ('\\t' * 1000).expandtabs(10**8)",
    "replace": "def f():\n    return ('x' * 10**6).replace('x', 'y' * 10**6)",
    "join": "def f():\n    return ('x' * 10**6).join(['y'] * 10**6)",
    "translate": "def f():\n    return ('x' * 10**6).translate({120: 'y' * 10**6})",
    "digits": "def f():\n    return int('9' * 10**7)",
    "text of number": "def f():\n    return str(7 ** 1000000)",
    "shift": "def f():\n    return 1 << 10**10",
    "pow": "def f():\n    return pow(7, 10**9)",
    "pow mod": "def f():\n    return pow(3, 10**4000, 10**4000 + 1)",
    "factorial": "import math\ndef f():\n    return math.factorial(10**7)",
    "comb": "import math\ndef f():\n    return math.comb(10**7, 5 * 10**6)",
    "product of ints": "def f():\n    x = 3\n    for _ in range(40):\n        x = x * x\n    return x",
    "decimal": (
        "import decimal\ndef f():\n    decimal.getcontext().prec = 10**8\n    return str(decimal.Decimal(1) / 3)"
    ),
    "decimal power": "from decimal import Decimal\ndef f():\n    return str(Decimal(10) ** (10**9))",
    "bytes": "def f():\n    return len(bytes(10**11))",
    "bytearray": "def f():\n    return len(bytearray(10**11))",
    "list of range": "def f():\n    return list(range(10**11))",
    "tuple": "def f():\n    return (1,) * 10**11",
    "product": ("import itertools\ndef f():\n    return len(list(itertools.product(range(1000), repeat=5)))"),
    "repeat": "import itertools\ndef f():\n    return list(itertools.repeat(1))",
    "count": "import itertools\ndef f():\n    return sum(itertools.count())",
    "any count": "import itertools\ndef f():\n    return max(itertools.cycle([1]))",
    "permutations": "import itertools\ndef f():\n    return len(list(itertools.permutations(range(20))))",
    "zip star": "def f():\n    return list(zip(*[range(10**6)] * 1000))",
    "pbkdf2": ("import hashlib\ndef f():\n    return hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**10).hex()"),
    "hash loop": ("import hashlib\ndef f():\n    x = b'x' * 10**7\n    while True:\n        hashlib.sha512(x)"),
    "json depth": "import json\ndef f():\n    return json.loads('[' * 10**6)",
    "json dumps": "import json\ndef f():\n    a = ['x' * 1000] * 1000\n    return json.dumps([a] * 10**5)",
    "regex repeat": "import re\ndef f():\n    return re.compile('((a{1000}){1000}){1000}').pattern",
    "regex sub": "import re\ndef f():\n    return re.sub('', 'x' * 10**6, 'y' * 10**6)",
    "regex look": "import re\ndef f():\n    return re.match(r'(?=(a+))a*b\\\\1', 'a' * 10**5).x",
    "sample": "import random\ndef f():\n    return random.sample(range(10**9), 10**8)",
    "hash collisions": "def f():\n    return len({i * (2**61 - 1) for i in range(10**7)})",
    "slice": "def f():\n    x = [0]\n    x[0:0] = range(10**10)\n    return x",
    "compare deep": (
        "def f():\n    a, b = [], []\n    for _ in range(10**5):\n        a, b = [a], [b]\n    return a == b"
    ),
    "hash deep": "def f():\n    a = ()\n    for _ in range(10**5):\n        a = (a,)\n    return hash(a)",
    "lambda": "def f():\n    g = lambda g: g(g)\n    return g(g)",
    "sort key recursion": "def f():\n    def k(x):\n        return sorted([1, 2], key=k)\n    return k(1)",
    "property recursion": (
        "class A:\n    def __getattr__(self, n):\n        return self.x\ndef f():\n    return A().x"
    ),
    "eq recursion": ("class A:\n    def __eq__(self, o):\n        return self == o\ndef f():\n    return A() == 1"),
    "str recursion": "class A:\n    def __str__(self):\n        return str(self)\ndef f():\n    return str(A())",
    "deep source": "def f():\n    return " + "-" * 3000 + "1",
    "finally loop": (
        "def f():\n    while True:\n        try:\n            return 1\n        finally:\n            continue"
    ),
    "comprehension": "def f():\n    return [x for _ in range(10**6) for x in range(10**6)]",
    "walrus": "def f():\n    return [y := 'x' * 10**7 for _ in range(10**4)]",
    "star args": "def f():\n    return f(*[0] * 10**7)",
    "gather": (
        "import asyncio\nasync def g():\n"
        "    await asyncio.gather(*[g() for _ in range(10)])\ndef f():\n"
        "    return asyncio.run(g())"
    ),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[FunctionPool]:
    pool = FunctionPool(workers=2, time_limit_s=0.3)
    yield pool
    pool.close()


def rendered(source: str) -> Any:
    return Environment().value(source, name="config").render(SCOPE)


@pytest.mark.parametrize("source", TEMPLATES)
def test_no_published_way_out_of_a_template_works(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(source)
    assert str(caught.value).startswith("config")


@pytest.mark.parametrize("source", SLOW_TEMPLATES, ids=lambda source: source[:60])
def test_many_small_works_are_counted_together(source: str) -> None:
    began_s = process_time()
    with pytest.raises(TemplateError, match="too much work"):
        rendered(source)
    assert process_time() - began_s < 10


@pytest.mark.parametrize("source", PROMPTS, ids=lambda source: source[:60])
def test_no_prompt_takes_all_memory_or_time(source: str) -> None:
    began_s = process_time()
    with pytest.raises(TemplateError) as caught:
        Template(source).render({"big": "y" * 100_000, "list": list(range(10_000))})
    assert process_time() - began_s < 10
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("attack", ESCAPES)
def test_no_published_way_out_of_a_function_works(pool: FunctionPool, attack: str) -> None:
    assert_refused(pool, ESCAPES[attack])


@pytest.mark.parametrize("attack", BOMBS)
def test_no_function_takes_all_memory_or_time(pool: FunctionPool, attack: str) -> None:
    began_s = monotonic()
    assert_refused(pool, BOMBS[attack])
    assert monotonic() - began_s < 30


def assert_refused(pool: FunctionPool, source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        pool.call({"f": source}, "f")
    message = str(caught.value)
    assert "'f'" in message
    assert message.isprintable()
    assert len(message) < 500
    assert pool.call({"g": "def g(x): return x + 1"}, "g", [1]) == 2
