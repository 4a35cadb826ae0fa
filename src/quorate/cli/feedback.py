"""`quorate feedback`: whether an answer was right."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli.default_command import group_with_default
from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.paging import cursor_behind
from quorate.cli.printable import printable_json
from quorate.cli.runs import TenantOption, open_database, scope_of
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest
from quorate.core.ids import RunId, new_id

if TYPE_CHECKING:
    from quorate.model.feedback import Feedback

_LABEL = "label"


app = typer.Typer(
    cls=group_with_default(_LABEL),
    no_args_is_help=True,
    help="Say whether answers were right, and see what was said: `quorate feedback RUN_ID --correct`.",
)

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", envvar="QUORATE_URL", show_envvar=True, help="Tell the gateway that listens there."
    ),
]
ApiKeyOption = Annotated[
    str | None,
    typer.Option("--api-key", metavar="KEY", envvar="QUORATE_API_KEY", show_envvar=True, help="A key of the gateway."),
]


@app.command(_LABEL)
def label(
    run: Annotated[str, typer.Argument(metavar="RUN_ID", help="As the answer or `quorate runs list` shows it.")],
    correct: Annotated[
        bool | None, typer.Option("--correct/--wrong", help="Whether the answer was right; one of the two.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option("--branch", "-b", metavar="BRANCH", help="The answer of this branch, not the run's.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why; up to 1000 characters.")] = None,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say whether the answer of a run, or of one of its branches, was right.

    Goes to the gateway at `--url`, else into the configured database. Said
    again, it replaces what you said before.
    """
    if correct is None:
        raise InvalidRequest("say whether the answer was right: give --correct or --wrong", param="correct")
    kept = (
        _keep_here(run, correct=correct, branch=branch, note=note, config=config)
        if url is None
        else _tell(url, api_key, run, correct=correct, branch=branch, note=note)
    )
    if json_output:
        typer.echo(printable_json(json.dumps(_dict(kept), indent=2, ensure_ascii=False)))
        return
    # slow: rich, needed only to draw
    from quorate.cli.feedback_view import print_label  # noqa: PLC0415

    print_label(kept)


@app.command("list")
def list_labels(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on after that page.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="Of this run.")] = None,
    tenant: TenantOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List what was said of answers, the latest first, from the configured database."""
    scope, of = scope_of(tenant), None if run is None else RunId(run)
    with open_database(config) as database:
        store = database.feedback

        def page(most: int, behind: str | None) -> "list[Feedback]":
            return store.page(scope, most, behind, run=of)

        found = page(limit, after)
        following = cursor_behind(found, limit, store.cursor, page)
        where = database.url_for_display
    if json_output:
        shown = {"data": [_dict(each) for each in found], "next": following}
        typer.echo(printable_json(json.dumps(shown, indent=2, ensure_ascii=False)))
        return
    # slow: rich, needed only to draw
    from quorate.cli.feedback_view import print_labels  # noqa: PLC0415

    print_labels(found, following=following, where=where)


def _keep_here(run: str, *, correct: bool, branch: str | None, note: str | None, config: Path | None) -> "Feedback":
    # slow: msgspec and SQLAlchemy, needed by the commands that use the database
    from quorate.model.call import LOCAL  # noqa: PLC0415
    from quorate.model.feedback import Feedback, checked_note  # noqa: PLC0415

    clock = SystemClock()
    said = Feedback(
        id=new_id("fb", clock),
        run_id=run,
        tenant=LOCAL,
        principal=LOCAL,
        correct=correct,
        at_s=clock.unix_s(),
        branch=branch or "",
        note=checked_note(note),
    )
    with open_database(config) as database:
        return database.feedback.put(scope_of(None), said)


def _tell(
    url: str, api_key: str | None, run: str, *, correct: bool, branch: str | None, note: str | None
) -> "Feedback":
    # slow: the HTTP client of the standard library, and msgspec
    import msgspec  # noqa: PLC0415

    from quorate.cli.gateway_client import post_json  # noqa: PLC0415
    from quorate.core.errors import QuorateError  # noqa: PLC0415
    from quorate.model.feedback import Feedback  # noqa: PLC0415

    said: dict[str, object] = {"run_id": run, "correct": correct}
    said |= {name: value for name, value in (("branch", branch), ("note", note)) if value is not None}
    body = post_json(url, "/api/v1/feedback", said, api_key)
    try:
        return msgspec.json.decode(body, type=Feedback)
    except msgspec.DecodeError as error:
        raise QuorateError(f"{url} is no gateway of this version: {error}") from None


def _dict(said: "Feedback") -> dict[str, Any]:
    return {
        "id": said.id,
        "run_id": said.run_id,
        "branch": said.branch,
        "tenant": said.tenant,
        "principal": said.principal,
        "correct": said.correct,
        "note": said.note,
        "at_s": said.at_s,
    }
