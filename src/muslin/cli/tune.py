"""`muslin tune`: the picture encoder, taught what a shop's customers take together."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, share
from muslin.cli.failures import INTERRUPTED
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.resume import partial, say_how_to_go_on
from muslin.cli.screen import console
from muslin.errors import UsageError, nearest

if TYPE_CHECKING:
    from muslin.recipes.tune_pictures import TunedReport

_STAGES = ("head", "adapter", "top")


def tune(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option(metavar="ENCODER", help="Directory to write.", show_default=False)],
    stage: Annotated[str, typer.Option(help="How much to learn: head, adapter (more) or top (most, slow).")] = "head",
    strength: Annotated[float, typer.Option(metavar="L", help="Pull towards the frozen encoder; inf holds it.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Same data, options and seed: same encoder, to the bit.")] = 0,
    max_bad: MaxBad = "1%",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the encoder at ENCODER.")] = False,
    json_to: JsonFile = None,
) -> None:
    """Teach the picture encoder what is taken together. Ctrl-C is safe: the same command goes on where it stopped.

    Held-out garments decide: where the tuned encoder is not shown to be better, the frozen one is written.
    """
    refuse_unwritable(json_to)
    if stage not in _STAGES:
        message = f"no stage is called {stage!r}"
        raise UsageError(message, code="unknown_stage", where="--stage", fix=nearest(stage, _STAGES))
    allowed = share(max_bad, "--max-bad")
    from muslin.data.dataset import Dataset
    from muslin.recipes.tune_pictures import Plan, tune_pictures

    plan, kept = Plan(stage=stage, strength=strength, seed=seed), partial(out)  # type: ignore[arg-type]
    try:
        data = Dataset.load(dataset, max_bad=allowed)
        report = tune_pictures(data, out, plan, checkpoint=kept, overwrite=overwrite)
    except KeyboardInterrupt:
        say_how_to_go_on(kept)
        raise typer.Exit(INTERRUPTED) from None
    shutil.rmtree(kept, ignore_errors=True)
    facts = _facts(report)
    _tell(facts, json_to)
    write_json(facts, json_to)


def _facts(report: "TunedReport") -> dict[str, Any]:
    facts = asdict(report) | {"path": str(report.path), "seconds": round(report.seconds, 3)}
    facts["validation"] = {name: getattr(report.validation, name) for name in report.validation.__struct_fields__}
    return facts


def _tell(facts: dict[str, Any], json_to: str | None) -> None:
    judged, screen = facts["validation"], console(json_to)
    what = "{pictures:,} pictures, {shoppers:,} shoppers, {seconds:.1f} s".format_map(facts)
    lines = [
        f"tuned the picture encoder, stage {facts['stage']} ({what})",
        "NDCG@20 of pictures alone on {items:,} garments held out, {shoppers:,} shoppers: "
        "frozen {frozen:.4f}, tuned {tuned:.4f} (difference {low:+.4f} to {high:+.4f})".format_map(judged),
    ]
    if not facts["helped"]:
        lines.append("tuning is not shown to help here: the frozen encoder was kept")
    for line in (*lines, f"saved to {facts['path']}"):
        screen.print(line, markup=False, soft_wrap=True)
    use = f"next: muslin fit DATASET --out MODEL --pictures tuned:{facts['path']}"
    screen.print(use, style="dim", markup=False, soft_wrap=True)
