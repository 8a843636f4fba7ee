"""`muslin methods`: what can be fitted, where it comes from, and what can be set."""

from dataclasses import asdict
from typing import Annotated

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, table
from muslin.cli.sources import Described, describe, names, require


def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show this method in full.")] = None,
    json_to: JsonFile = None,
) -> None:
    """List the methods, or show one of them with its options."""
    refuse_unwritable(json_to)
    if name:
        require(name, "muslin methods")
    found = [describe(one) for one in ([name] if name else names())]
    if name:
        _show(found[0], json_to)
    else:
        rows = [(method.name, method.summary) for method in found]
        console(json_to).print(table("Methods", ("name", "what it does"), rows))
        console(json_to).print("\nmore about one: muslin methods NAME", style="dim", markup=False)
    write_json([asdict(method) for method in found], json_to)


def _show(method: Described, json_to: str | None) -> None:
    screen = console(json_to)
    screen.print(method.name, style="bold", markup=False)
    screen.print(f"{method.summary}\n\n{method.about}\n", markup=False)
    if not method.options:
        screen.print("No options.")
        return
    rows = [(o.name, o.type, o.default, o.help) for o in method.options]
    screen.print(table("Options", ("option", "type", "default", "what it is"), rows, right=("default",)))
    first = method.options[0]
    example = f"\nto set one: muslin fit DATASET --out MODEL --method {method.name} --set {first.name}={first.default}"
    screen.print(example, style="dim", markup=False, soft_wrap=True)
