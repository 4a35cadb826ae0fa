"""Output contracts as written in `quorate.yaml`: read, and wrong at their place."""

from pathlib import Path

import pytest

from quorate.config import configure
from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.core.errors import Misconfigured
from quorate.engine import Catalog
from quorate.parallel.ensemble import Ensemble
from quorate.resilience.contracted import Contracted
from quorate.resilience.resilient import bare

MODELS = """
version: 1
models:
  short: { type: simulated, output: number }
  long:
    type: simulated
    fallbacks: [short]
    output:
      schema: { type: object, required: [a] }
      validation: warn
      repair: false
      repair_model: plain
      max_retries: 3
  filed: { type: simulated, output: { schema_file: item.json } }
  plain: { type: simulated }
  panel: { type: ensemble, members: [short, plain], output: date }
"""


def catalog(text: str, folder: Path) -> Catalog:
    (folder / "quorate.yaml").write_text(text)
    return configure(folder / "quorate.yaml", environ={}, probe=False).catalog


def contract(found: Catalog, name: str) -> Contract | None:
    model = bare(found.resolve(name))
    if isinstance(model, Ensemble):
        return model.plan.output
    return model.contract if isinstance(model, Contracted) else None


def test_every_kind_of_model_may_have_one(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text('{"type": "array"}')
    found = catalog(MODELS, tmp_path)
    assert contract(found, "short") == Contract(type=OutputType.NUMBER)
    assert contract(found, "plain") is None
    panel, filed, long = (contract(found, name) for name in ("panel", "filed", "long"))
    assert panel is not None
    assert panel.type is OutputType.DATE
    assert filed is not None
    assert (filed.type, filed.schema and filed.schema.text) == (OutputType.ARRAY, '{"type":"array"}')
    assert long is not None
    assert (long.type, long.validation, long.repair, long.repair_model, long.max_retries) == (
        OutputType.OBJECT,
        Validation.WARN,
        False,
        "plain",
        3,
    )


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("float", r":4:33: models\.m\.output: 'float' is not one of string, number"),
        ("{}", r":4:33: models\.m\.output: says nothing"),
        ("{ schema: { type: nope } }", r":4:43: models\.m\.output\.schema: .*\$\.type"),
        ("{ schema: { $ref: 'http://127.0.0.1/x' } }", r":4:43: .*no reference outside"),
        ("{ schema: { pattern: '(?=a)' } }", r":4:43: .*no look-around"),
        ("{ schema: {}, schema_file: x }", r":4:33: models\.m\.output: has `schema` and `schema_file`"),
        ("{ type: number, max_retries: 6 }", r":4:62: models\.m\.output\.max_retries"),
        ("{ type: number, repair_model: nobody }", r":4:63: .*no model is called 'nobody'"),
        ("{ type: number, repair_model: both }", r":4:63: .*asks several models"),
        ("{ schema_file: none.json }", r":4:48: 'none.json' cannot be read: No such file"),
        ("{ schema_file: text.json }", r":4:48: .*text.json: it is not JSON"),
        ("{ schema_file: list.json }", r":4:48: .*list.json: a JSON Schema is an object"),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, output: str, told: str) -> None:
    (tmp_path / "text.json").write_text("words")
    (tmp_path / "list.json").write_text("[]")
    text = f"""version: 1
models:
  both: {{ type: ensemble, members: [m, m] }}
  m: {{ type: simulated, output: {output} }}
"""
    with pytest.raises(Misconfigured, match=told):
        catalog(text, tmp_path)
