"""Every example in README.md and docs/ runs, and prints what the page says it prints."""

from pathlib import Path

import pytest

import doc_examples
import pages

SITTINGS = [sitting for page in pages.all_pages() for sitting in doc_examples.sittings(page)]


@pytest.mark.timeout(120)  # a lesson with a gateway starts a dozen programs
@pytest.mark.parametrize("sitting", SITTINGS, ids=lambda sitting: str(sitting[0]))
def test_example(sitting: tuple[doc_examples.Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    doc_examples.run(sitting, tmp_path)


def run_page(text: str, folder: Path) -> int:
    """Runs the blocks of a page made of `text`, where ''' stands for the fence; how many ran."""
    found = doc_examples.sittings(pages.Page(name="sample.md", text=text.replace("'''", "```")))
    for number, sitting in enumerate(found):
        place = folder / str(number)
        place.mkdir()
        doc_examples.run(sitting, place)
    return len(found)


# A server that tells where it is, as `quorate serve` does, and runs until it is interrupted.
SERVER = """
<!-- example: server -->
'''console
$ exec python3 -c 'import os, signal
> signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
> print("OPENAI_BASE_URL=http://127.0.0.1:" + os.environ["QUORATE_SERVER__PORT"] + "/v1", flush=True)
> signal.sigwait([signal.SIGINT])'
OPENAI_BASE_URL=http://127.0.0.1:8080/v1
'''
"""

CLIENT = """
<!-- example: client -->
'''bash
test -e kept
'''

<!-- example: client -->
'''python
import os
print(os.environ["OPENAI_BASE_URL"])
'''

<!-- example: output -->
'''text
http://127.0.0.1:8080/v1
'''
"""

GOOD = [
    "'''python\nassert 1 + 1 == 2\n'''\n",
    "'''python\nx = 2\n'''\n\n<!-- example: continues -->\n'''python\nassert x == 2\n'''\n",
    "'''python\nprint('took', 0.25, 's')\n'''\n\n<!-- example: output -->\n'''text\ntook ... s\n'''\n",
    "'''bash\ntrue\n'''\n",
    "'''console\n$ printf 'a\\nb\\n'\na\nb\n$ echo \\\n> c\nc\n'''\n",
    "<!-- example: fails -->\n'''bash\nfalse\n'''\n",
    "'''yaml title=\"a.yaml\"\nkey: 1\n'''\n\n'''console\n$ cat a.yaml\nkey: 1\n'''\n",
    "'''bash\nmake test\n'''\n",
    SERVER + "\n<!-- example: client -->\n'''bash\ntouch kept\n'''\n" + CLIENT,
    SERVER + SERVER,
]
BAD = [
    "'''python\nassert 1 + 1 == 3\n'''\n",
    "'''python\nx = 2\n'''\n\n'''python\nassert x == 2\n'''\n",
    "'''python\nprint(1)\n'''\n\n<!-- example: output -->\n'''text\n2\n'''\n",
    "'''bash\nfalse\n'''\n",
    "'''bash\nfalse | true\n'''\n",
    "'''console\n$ echo a\nb\n'''\n",
    "'''console\necho a\n'''\n",
    "<!-- example: fails -->\n'''bash\ntrue\n'''\n",
    "<!-- example: illustration -->\n'''bash\ntrue\n'''\n",
    "<!-- example: output -->\n'''text\na\n'''\n",
    "'''sh\ntrue\n'''\n",
    "'''bash\nmake no-such-target\n'''\n",
    "<!-- example: client -->\n'''bash\ntrue\n'''\n",
    "<!-- example: server -->\n'''console\n$ echo a; exit 3\na\n'''\n",
    "<!-- example: server -->\n'''console\n$ echo a\nb\n'''\n",
    SERVER + "\n<!-- example: client -->\n'''bash\nfalse\n'''\n",
]


@pytest.mark.subprocess
@pytest.mark.parametrize("text", GOOD)
def test_good_samples_run(text: str, tmp_path: Path) -> None:
    assert run_page(text, tmp_path) >= 1


@pytest.mark.subprocess
@pytest.mark.parametrize("text", BAD)
def test_bad_samples_are_found(text: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, NameError)):
        run_page(text, tmp_path)


def test_an_illustration_does_not_run(tmp_path: Path) -> None:
    text = "<!-- example: illustration, needs a key -->\n'''python\nraise SystemExit\n'''\n"
    assert run_page(text, tmp_path) == 0


def test_an_error_names_the_line_of_the_page(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("# Title\n\n'''python\nx = 0\n1 / x\n'''\n", tmp_path)
    last = caught.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("sample.md", 5)
