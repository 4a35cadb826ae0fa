"""Everything that is wrong with a flow is said at once, with its place and what to do."""

import pytest

from flow_compiling import complaints, steps_flow

STEPS = """
  - {name: ocr, executor: note, config: {text: "{{ inputs.text }}"}}
"""
SECRETS = "secrets: [CRM_TOKEN]\n"
HEAD = "inputs: {text: {type: string}, scan: {type: file}}\n"


def one(steps: str, *, head: str = HEAD) -> str:
    found = complaints(steps_flow(STEPS + steps, head=head))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("steps.orc.text", "no step 'orc'; did you mean 'ocr'?"),
        ("steps.ocr.txt", "steps.ocr has no 'txt'; did you mean 'text'?"),
        ("steps.ocr.result.txt", "steps.ocr.result has no 'txt'; did you mean 'text'?"),
        ("steps.ocr.error.kode", "steps.ocr.error has no 'kode'; did you mean 'code'?"),
        ("inputs.txt", "no input 'txt'; did you mean 'text'?"),
        ("inputs.scan.path", "inputs.scan has no 'path'; it has: kind, run, sha256, name, media_type, size"),
        ("item.name", "'item' is there only inside a `foreach`"),
        ("ocr.text", "'ocr' is not known here; the step is `steps.ocr`"),
        ("text", "'text' is not known here; the input is `inputs.text`"),
        ("orc.text", "'orc' is not known here; did you mean `steps.ocr`?"),
        ("txt", "'txt' is not known here; did you mean `inputs.text`?"),
        ("secrets.TOKEN", "secrets.TOKEN: expressions do not see secrets"),
        ("run.flwo", "run has no 'flwo'; did you mean 'flow'?"),
        ("error.code", "'error' is not known here"),
        ("steps[inputs.text]", "`steps` alone: which step is meant is not known before the run"),
    ],
)
def test_a_name_that_means_nothing(expression: str, told: str) -> None:
    line = one(f'  - {{name: b, executor: note, config: {{text: "{{{{ {expression} }}}}"}}}}\n')
    assert line.startswith("flow.yaml:6:")
    assert told in line


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("steps.ask.anything.at.all", True),
        ("steps.ocr.success and steps.ocr.status and steps.ocr.skipped and steps.ocr.output.pages", True),
        ("steps.ocr.get('text')", True),
        ("steps.listed.more and steps.listed.answer and steps.listed.success", True),
        ("steps.listed.less", False),
    ],
)
def test_which_fields_a_step_has(expression: str, fits: bool) -> None:
    steps = f"""
  - {{name: ask, executor: ask, config: {{prompt: x}}}}
  - {{name: listed, executor: ask, config: {{prompt: x}}, outputs: [more]}}
  - {{name: b, executor: note, condition: "{expression}"}}
"""
    assert (complaints(steps_flow(STEPS + steps, head=HEAD)) == []) is fits


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{name: b, executor: nte}", "no executor 'nte'; did you mean 'note'?"),
        ("{name: b}", "the step 'b' does nothing: it needs `executor`"),
        ("{name: b, executor: note, steps: [{name: c, executor: note}]}", "has `executor` and `steps`"),
        ("{name: ocr, executor: note}", "there is a step 'ocr' already, at flow.yaml:5:12; names are unique"),
        ("{name: catch, executor: note}", "'catch' has a meaning of its own"),
        ("{name: inputs, executor: note}", "'inputs' has a meaning of its own"),
        ("{name: b, executor: note, depends_on: [orc]}", "no step and no parallel group 'orc'; did you mean 'ocr'?"),
        ("{name: b, executor: note, depends_on: [b]}", "the step 'b' waits for itself"),
        ("{name: b, executor: note, parallel_group: ocr}", "'ocr' is the name of a step too"),
        ("{name: b, executor: note, config: {txt: 1}}", "steps[1].config.txt: unknown key; did you mean 'text'?"),
        ("{name: b, executor: each, config: {items: orc, expression: x}}", "[1].config.items: no step 'orc'; did you"),
        ("{name: b, executor: note, config: {times: many}}", "'many': expected a valid integer"),
        ("{name: b, executor: ask, config: {model: x}}", "steps[1].config: `prompt` is missing"),
        ("{name: b, steps: [{name: c, executor: note}], config: {x: 1}}", "belongs to a step with an `executor`"),
        ("{name: b, executor: note, condition: 5}", "5: expected an expression"),
        ("{name: b, executor: note, condition: 'a ='}", "b.condition: "),
        ("{name: b, executor: note, foreach: {items: 5}}", "5: expected a list"),
        ("{name: b, executor: note, foreach: {items: [1], as: run}}", "'run' has a meaning of its own"),
        ("{name: b, executor: note, on_error: {fallback: orc}}", "no step 'orc' to fall back to; did you mean 'ocr'?"),
        ("{name: b, executor: note, on_error: {fallback: b}}", "cannot be its own fallback"),
        (
            "{name: b, executor: note, retry: {never_on: [time]}}",
            "is tried again has the code 'time'; ",
        ),
        ("{name: b, executor: note, outputs: [pagse]}", "the output of 'b' never has 'pagse'; did you mean 'pages'?"),
        ("{name: b, steps: [{name: c, executor: note}], outputs: [d]}", "never has 'd'; it has: c"),
        (
            "{name: b, executor: free, config: {txt: x}}",
            "config.txt: unknown key; did you mean 'text'? A key of your own",
        ),
        ("{name: b, executor: note, on_error: {value: steps.ocr.text}}", "is this text and no reference"),
        ("{name: b, executor: note, fallback_only: true}", "so that 'b' would never run"),
        ("{name: b, steps: [{name: c, executor: note, on_error: {fallback: ocr}}]}", "'ocr' is not beside 'c'"),
        ("{name: b, steps: [{name: c, executor: note}], cache: {ttl: 3}}", "needs a `key` here"),
        ("{name: b, switch: [{steps: []}, {when: 'true'}]}", "only the last way of a switch holds always"),
        ("{name: b, steps: [{name: c, executor: note, depends_on: [b]}]}", "waits for 'b', which it is inside"),
        ("{name: b, depends_on: [c], steps: [{name: c, executor: note}]}", "'c' is inside the step 'b'"),
    ],
)
def test_a_step_that_is_wrong(step: str, told: str) -> None:
    assert told in one(f"  - {step}\n")


@pytest.mark.parametrize("source", ["ocr[0]", "steps.ocr[0]"])
def test_what_is_picked_out_of_a_step_is_picked_out_of_its_output(source: str) -> None:
    told = one(f"  - {{name: both, executor: each, config: {{items: {source!r}, expression: x}}}}\n")
    assert f"{source!r} picks out of the step itself; write 'ocr.output[0]'" in told


def test_from_outside_only_the_list_of_a_loop_is_seen() -> None:
    steps = """
  - name: loop_over
    foreach: {items: [1, 2]}
    steps:
      - {name: inner, executor: note, config: {text: "{{ item }} {{ loop.index }}"}}
  - {name: b, executor: note, config: {text: "{{ steps.inner.text }}"}}
  - {name: c, executor: note, config: {text: "{{ steps.loop_over.inner }}"}}
"""
    found = complaints(steps_flow(steps))
    assert len(found) == 2
    assert "'inner' is inside the `foreach` of 'loop_over'" in found[0]
    assert "`steps.loop_over.output[0].inner`" in found[1]


def test_ways_of_a_switch_do_not_see_each_other() -> None:
    steps = """  - name: b
    switch:
      - {when: 'true', steps: [{name: c, executor: note}]}
      - {steps: [{name: d, executor: note, depends_on: [c]}]}
"""
    assert "another way of the switch 'b': at most one of the two is executed" in one(steps)


def test_a_circle_is_named_in_full_with_the_places_that_make_it() -> None:
    steps = """
  - {name: a, executor: note, depends_on: [c]}
  - {name: b, executor: note, config: {text: "{{ steps.a.text }}"}}
  - {name: c, executor: note, depends_on: [b]}
"""
    (line,) = complaints(steps_flow(steps))
    assert "a -> c -> b -> a" in line
    assert "a waits for c at flow.yaml:4:44; c waits for b at flow.yaml:6:44; b waits for a at flow.yaml:5:46" in line


def test_a_fallback_that_stands_in_for_itself_over_another() -> None:
    steps = """
  - {name: a, executor: note, on_error: {fallback: b}}
  - {name: b, executor: note, on_error: {fallback: a}}
"""
    assert any("stands in for itself" in line for line in complaints(steps_flow(steps)))


def test_what_a_template_makes_is_not_judged_before_it_is_made() -> None:
    steps = """  - {name: b, executor: note, config: {times: "{{ steps.ocr.pages }}", tags: ["{{ inputs.text }}", "x"]}}
"""
    assert complaints(steps_flow(STEPS + steps, head=HEAD)) == []


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("inputs: {n: {type: integer, default: few}}\n", "does not fit the input 'n': $.n: 'few': "),
        ("inputs: {n: {type: integer, schema: {minimum: x}}}\n", "inputs.n: the schema cannot be used"),
        ("inputs: {n: {accept: [.pdf]}}\n", "is for files; 'n' is of type 'string'"),
        ("inputs: {n: {type: integer}}\nexamples: [{n: x}]\n", "examples[0].n: does not fit the input 'n'"),
        ("inputs: {n: {required: true}}\nexamples: [{}]\n", "the input 'n' is required and missing"),
        ("examples: [{m: 1}]\n", "no input 'm'"),
        ("tests: [{name: t, mock: {orc: {}}}]\n", "no step 'orc'; did you mean 'ocr'?"),
        ("tests: [{name: t, expect: {skipped: [orc]}}]\n", "no step 'orc'; did you mean 'ocr'?"),
        ("tests: [{name: t, expect: {outputs.x: 1}}]\n", "no output 'x'"),
        ("tests: [{name: t, expect: {statsu: failed}}]\n", "unknown expectation; did you mean 'status'?"),
        ("tests: [{name: t, expect: {status: fine}}]\n", "no status 'fine'"),
        ("outputs: {o: {value: '{{ steps.orc.text }}'}}\n", "outputs.o.value: no step 'orc'"),
        ("outputs: {o: {value: 1, type: text}}\n", "'text' is not one of string, integer"),
        ("limits: {runs: 1, per_key: '{{ steps.ocr.text }}'}\n", "needed before the run begins and sees no steps"),
        ("rollout: {split: {1.0.0: 1}, sticky_by: '{{ inputs.user }}'}\n", "rollout.sticky_by: no input 'user'"),
        ("functions: {f: {implementation: 'pass'}}\n", "the function 'f' has no `def f`"),
        ("functions: {run: {implementation: 'def run(): pass'}}\n", "'run' has a meaning of its own"),
        ("macros: {f: x}\nfunctions: {f: {implementation: 'def f(): pass'}}\n", "there is a function 'f' already"),
        (
            "limits: {per_key: '{{ inputs }}'}\n",
            "limits.per_key: counts runs for each of its values, and nothing limits",
        ),
        ("rollout: {sticky_by: '{{ run.tenant }}'}\n", "rollout.sticky_by: keeps runs at one version of several, and"),
        (
            "inputs: {n: {type: integer, schema: {minLength: 1}}}\n",
            "`minLength` is for type string; 'n' is of type 'int",
        ),
        ("inputs: {n: {type: array, schema: {pattern: a}}}\n", "`pattern` is for type string; 'n' is of type 'array'"),
        ("inputs: {n: {schema: {maximum: 1}}}\n", "`maximum` is for type integer or number; 'n' is of type 'string'"),
        ("inputs: {n: {type: file, schema: {minLength: 1}}}\n", "`minLength` is not for files; of those are said"),
        ("inputs: {n: {schema: {format: dat}}}\n", "'dat' is no format that is checked; did you mean 'date'?"),
        ("outputs: {o: {value: x, schema: {format: markdown}}}\n", "'markdown' is no format that is checked; formats:"),
        (
            "outputs: {o: {value: 1, type: integer, schema: {minItems: 1}}}\n",
            "outputs.o.schema.minItems: `minItems` is",
        ),
        ("outputs: {o: {value: steps.ocr.text}}\n", 'is this text and no reference: write "{{ steps.ocr.text }}"'),
        (
            "outputs: {o: {value: {a: ['steps.ocr.output[0]']}}}\n",
            "outputs.o.value.a[0]: 'steps.ocr.output[0]' is this",
        ),
        ("inputs: {n: {}}\noutputs: {o: {value: inputs.n}}\n", 'write "{{ inputs.n }}"'),
        (
            "defaults: {retry: {on: [deadline_exeeded]}}\n",
            "defaults.retry.on[0]: no error after which a step is tried again has the code 'deadline_exeeded'",
        ),
        ("defaults: {on_error: {fallback: ocr}}\n", "name it there, not among the defaults"),
    ],
)
def test_what_is_wrong_beside_the_steps(head: str, told: str) -> None:
    (line,) = complaints(steps_flow("  - {name: ocr, executor: note}\n", head=head))
    assert told in line


def test_all_problems_are_told_in_the_order_of_their_lines() -> None:
    found = complaints("""name: trial
inputs: {n: {type: integer, default: x}}
steps:
  - {name: a, executor: nte, config: {text: "{{ inputs.m }}"}}
  - {name: b, executor: note, depends_on: [z]}
""")
    assert [line.split(":")[1] for line in found] == ["2", "4", "4", "5"]


@pytest.mark.parametrize(
    ("extra", "fits"),
    [
        ("{token: {secret: CRM_TOKEN}}", True),
        ("{token: {secret: CRM_TOKN}}", False),
        ("{token: {secret: CRM_TOKN, other: 1}}", True),
        ("{list: [{secret: CRM_TOKN}]}", False),
    ],
)
def test_a_secret_in_a_config_is_one_of_the_flow(extra: str, fits: bool) -> None:
    found = complaints(steps_flow(f"  - {{name: a, executor: note, config: {{extra: {extra}}}}}\n", head=SECRETS))
    assert (found == []) is fits
    assert fits or "no secret 'CRM_TOKN'; did you mean 'CRM_TOKEN'?" in found[0]


def test_functions_and_macros_are_known_names() -> None:
    head = "functions: {double: {implementation: 'def double(x): return x'}}\nmacros: {cite: x}\n" + HEAD
    steps = '  - {name: b, executor: note, config: {text: "{{ double(inputs.text) }} {{ cite(inputs.text) }}"}}\n'
    assert complaints(steps_flow(STEPS + steps, head=head)) == []


def test_texts_that_only_resemble_references_stay_texts() -> None:
    head = "outputs: {o: {value: steps.orc.text}, p: {value: 'see steps.ocr.text'}, q: {value: inputs.md}}\n"
    assert complaints(steps_flow("  - {name: ocr, executor: note}\n", head=head)) == []


def test_keys_of_ones_own_stay_where_they_are_allowed() -> None:
    assert complaints(steps_flow("  - {name: a, executor: free, config: {context: x, key_phrases: y}}\n")) == []


@pytest.mark.parametrize("steps", ["", "steps: []\n"])
def test_a_flow_without_steps_is_none(steps: str) -> None:
    (told,) = complaints(f"name: a\nversion: 1.0.0\n{steps}")
    assert told.startswith("flow.yaml")
    assert "steps: there are no steps" in told
