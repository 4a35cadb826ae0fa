"""`quorate ask`: one question to many models."""

import typer

from quorate.cli import ask_flags as flags
from quorate.cli.exit_code import ExitCode
from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.prompt_source import read_prompt

#: Flags that say something about this command and nothing about the question.
_OURS = frozenset(
    {"prompt", "file", "config", "json_output", "dry_run", "stream", "events", "quiet", "require_consensus"}
)


def ask(
    *,
    prompt: flags.Prompt = None,
    file: flags.File = None,
    system: flags.System = None,
    temperature: flags.Temperature = None,
    max_tokens: flags.MaxTokens = None,
    seed: flags.Seed = None,
    output: flags.Output = None,
    models: flags.Models = None,
    mode: flags.ModeFlag = None,
    select: flags.SelectFlag = None,
    synthesis: flags.SynthesisFlag = None,
    kind: flags.KindFlag = None,
    min_models: flags.MinModels = None,
    max_models: flags.MaxModels = None,
    threshold: flags.Threshold = None,
    floor: flags.Floor = None,
    fuse_top: flags.FuseTop = None,
    count: flags.Count = None,
    judge: flags.Judge = None,
    synthesiser: flags.Synthesiser = None,
    pair_judge: flags.PairJudge = None,
    provenance: flags.Provenance = None,
    require_consensus: flags.RequireConsensus = False,
    max_concurrent: flags.MaxConcurrent = None,
    retries: flags.Retries = None,
    timeout_s: flags.Timeout = None,
    deadline_s: flags.DeadlineFlag = None,
    max_cost_usd: flags.MaxCost = None,
    dry_run: flags.DryRun = False,
    stream: flags.Stream = False,
    events: flags.Events = False,
    quiet: flags.Quiet = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Ask one question of many models and print one answer.

    On a terminal a table shows who does what; piped, stdout holds the answer alone and stderr a line about it.
    """
    # Flags and options of a question have the same names, so what was given is passed on as it is.
    options = {name: value for name, value in locals().items() if name not in _OURS and value is not None}
    question = read_prompt(prompt or [], file)
    if dry_run:
        # slow: the library, needed only to reckon
        from quorate.cli.estimate_view import print_estimate  # noqa: PLC0415

        print_estimate(question, options, config, json_output=json_output)
        return
    # slow: the library, needed only to ask
    from quorate.cli.asking import Display, run_question  # noqa: PLC0415

    display = Display.choose(json_output=json_output, events=events, quiet=quiet, stream=stream)
    result = run_question(question, options, config, display)
    if require_consensus and not result.consensus:
        typer.echo("no consensus: the answers do not agree to the threshold", err=True)
        raise typer.Exit(ExitCode.NO_CONSENSUS)
