"""Write the pages of the documentation that follow from the code: docs/methods.md and docs/commands.md.

`make docs` runs this; a test fails when a page is not what this would write.
"""

import ast
import importlib
import inspect
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer.main

from muslin import registry
from muslin.cli.app import app

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py (`make docs`); edit the code instead. -->\n"


def main() -> None:
    """Write both pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """File name and text of each page."""
    return {"methods.md": methods(), "commands.md": commands()}


def methods() -> str:
    """Every registered method: what it does, where it comes from, its options."""
    parts = ["# Methods\n", NOTE]
    for name in registry.names():
        entry = registry.entry(name)
        parts.append(f"\n## `{name}`\n\n{entry.summary}\n\n*Source:* {entry.source}\n\n*Differs:* {entry.differs}\n")
        if fields(entry.config):
            parts.append("\n| option | default | meaning |\n|---|---|---|\n")
            meanings = _field_docs(entry.config)
            parts.extend(f"| `{f.name}` | {f.default} | {meanings[f.name]} |\n" for f in fields(entry.config))
    return "".join(parts)


def commands() -> str:
    """Every command with its arguments and options."""
    parts = ["# The command\n", NOTE]
    parts.append("\nExit status: 0 done, 2 wrong use, 3 bad data, 4 bad model, 130 interrupted. `--json -` writes to\n")
    parts.append("standard output.\n")
    group: Any = typer.main.get_command(app())
    for name, command in sorted(group.commands.items()):
        parts.append(_command(f"## `muslin {name}`", command))
        for part, below in sorted(getattr(command, "commands", {}).items()):
            parts.append(_command(f"### `muslin {name} {part}`", below))
    return "".join(parts)


def _command(title: str, command: Any) -> str:
    rows = [_row(p) for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
    table = "\n| argument | default | meaning |\n|---|---|---|\n" + "".join(rows) if rows else ""
    return f"\n{title}\n\n{inspect.cleandoc(command.help or '')}\n{table}"


def _row(parameter: Any) -> str:
    shown = (
        ", ".join(f"`{o}`" for o in parameter.opts)
        if parameter.param_type_name == "option"
        else f"`{_name(parameter)}`"
    )
    default = parameter.default
    empty = default is None or default is False or callable(default) or default in ((), [])
    meaning = " ".join((parameter.help or "").split()).replace("|", "\\|")
    return f"| {shown} | {'' if empty else default} | {meaning} |\n"


def _name(parameter: Any) -> str:
    return parameter.metavar or parameter.name.upper()


def _field_docs(config: type[Any]) -> dict[str, str]:
    """The string under each field of a dataclass."""
    module = importlib.import_module(config.__module__)
    tree = ast.parse(inspect.getsource(module))
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == config.__name__)
    pairs = pairwise(body)
    return {
        a.target.id: " ".join(b.value.value.split())
        for a, b in pairs
        if isinstance(a, ast.AnnAssign) and isinstance(a.target, ast.Name)
        if isinstance(b, ast.Expr) and isinstance(b.value, ast.Constant) and isinstance(b.value.value, str)
    }


if __name__ == "__main__":
    main()
