"""What saved prompts say of each other: children and selectors that have to be there, and no circle."""

from collections.abc import Iterator, Mapping

from quorate.prompts.asking import MOST_DEPTH
from quorate.prompts.definition import PromptDefinition
from quorate.source.place import KeyPath, Problem, did_you_mean, listed


def link_problems(known: Mapping[str, PromptDefinition]) -> list[Problem]:
    """Return everything that is wrong between prompts, each with its place."""
    found: list[Problem] = []
    for prompt in known.values():
        found += _missing(prompt, known)
        found += _selector(prompt, known)
        found += _children(prompt, known)
        way = _deepest(prompt.name, known, ())
        if len(way) > MOST_DEPTH or way[-1] in way[:-1]:
            path: KeyPath = ("children",)
            what = "is a circle" if way[-1] in way[:-1] else f"is nested deeper than {MOST_DEPTH}"
            found.append(_problem(prompt, path, f"{what}: {' -> '.join(way)}"))
    return found


def _missing(prompt: PromptDefinition, known: Mapping[str, PromptDefinition]) -> Iterator[Problem]:
    section = prompt.section
    asked: list[tuple[KeyPath, str]] = [(("children", name), each.prompt) for name, each in section.children.items()]
    if section.selector_prompt is not None:
        asked.append((("selector_prompt",), section.selector_prompt))
    for path, name in asked:
        if name not in known:
            hint = did_you_mean(name, known) or f" (prompts: {listed(sorted(known))})"
            yield _problem(prompt, path, f"no prompt is called {name!r}{hint}")


def _selector(prompt: PromptDefinition, known: Mapping[str, PromptDefinition]) -> Iterator[Problem]:
    chooser = known.get(prompt.section.selector_prompt or "")
    if chooser is None:
        return
    if chooser.section.model is None or chooser.section.children:
        yield _problem(prompt, ("selector_prompt",), f"{chooser.name!r} needs a `model` of its own and no `children`")
    for name, each in chooser.section.inputs.items():
        if each.needed and name not in prompt.section.inputs:
            yield _problem(prompt, ("selector_prompt",), f"{chooser.name!r} needs {name!r}, which is no input here")


def _children(prompt: PromptDefinition, known: Mapping[str, PromptDefinition]) -> Iterator[Problem]:
    """Report inputs of children that nobody gives, and values that no child takes."""
    for name, each in prompt.section.children.items():
        child = known.get(each.prompt)
        if child is None:
            continue
        inputs = child.section.inputs
        for given in each.inputs:
            if given not in inputs:
                hint = did_you_mean(given, inputs) or f" (inputs: {listed(inputs)})"
                yield _problem(prompt, ("children", name, "inputs", given), f"{child.name!r} has no such input{hint}")
        for needed, described in inputs.items():
            if described.needed and needed not in each.inputs and needed not in prompt.section.inputs:
                yield _problem(prompt, ("children", name), f"{child.name!r} needs {needed!r}, which is no input here")


def _deepest(name: str, known: Mapping[str, PromptDefinition], way: tuple[str, ...]) -> tuple[str, ...]:
    """Return the longest way down from a prompt; one that comes back, or is too long already, ends there."""
    here = (*way, name)
    if name in way or len(here) > MOST_DEPTH or name not in known:
        return here
    ways = [_deepest(child.prompt, known, here) for child in known[name].section.children.values()]
    circles = [each for each in ways if each[-1] in each[:-1]]
    return max(circles or ways, key=len, default=here)


def _problem(prompt: PromptDefinition, path: KeyPath, message: str) -> Problem:
    return Problem(where=prompt.written.place(path), path=path, message=message)
