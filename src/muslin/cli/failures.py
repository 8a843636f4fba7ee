"""Errors on one screen: what is wrong, where, how to mend it, and the code to search for."""

import errno
import re
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from muslin.errors import MuslinError, UsageError, nearest

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

_MOST_LINES = 18


def show(error: MuslinError) -> int:
    """Write `error` to standard error and return its exit status."""
    lines = error.message.splitlines() or [""]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], "  …"]
    message = Text.assemble(("error: ", "bold red"), (lines[0], "bold"), *(f"\n{line}" for line in lines[1:]))
    for label, value in (("where", error.where), ("fix", error.fix), ("code", error.code)):
        if value:
            message.append_text(Text.assemble((f"\n{label:>5}: ", "bold"), value))
    # soft_wrap: the terminal may wrap a path, but what is copied from it stays in one piece.
    Console(stderr=True, highlight=False).print(message, soft_wrap=True)
    return error.exit_status


def of_machine(error: OSError) -> MuslinError:
    """The operating system's refusal as an error that says what to do."""
    fixes = {
        errno.ENOSPC: "free some space, or write to another disk",
        errno.EACCES: "check the permissions",
        errno.EADDRINUSE: "stop the other program, or choose another --port",
    }
    known = error.errno if error.errno is not None else 0
    what = (error.strerror or str(error)).lower()
    places = [str(name) for name in (error.filename, error.filename2) if name is not None]
    fix = fixes.get(known, "check the path")
    return MuslinError(what, code=errno.errorcode.get(known, "os_error").lower(), where=" -> ".join(places), fix=fix)


def of_parser(error: Exception) -> UsageError:
    """Typer's complaint about a command line in our form, naming the nearest command or option."""
    message: str = getattr(error, "message", str(error))
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "muslin"
    option: str | None = getattr(error, "option_name", None)
    parameter: Any = getattr(error, "param", None)
    command = re.match(r"No such command '(.*?)'", message)
    if command:
        name = command[1]
        fix = nearest(name, context.command.commands)
        return UsageError(f"no command is called {name!r}", code="unknown_command", where=path, fix=fix)
    if option and "No such option" in message:
        fix = nearest(option, _options(context))
        return UsageError(f"no option is called {option}", code="unknown_option", where=path, fix=fix)
    if parameter is not None and not message:
        fix = f"see `{path} --help`"
        return UsageError(f"{_name(parameter)} is missing", code="missing_argument", where=path, fix=fix)
    where = f"{path} {_name(parameter)}" if parameter is not None else path
    text = message[:1].lower() + message[1:].rstrip(".")
    return UsageError(text, code="bad_argument", where=where, fix=f"see `{path} --help`")


def interrupted(*lines: str) -> None:
    """Say what was kept after Ctrl-C."""
    print("interrupted", *lines, sep="\n", file=sys.stderr)


def _options(context: Any) -> list[str]:
    return [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]


def _name(parameter: Any) -> str:
    longest: str = max(parameter.opts, key=len)
    return longest if longest.startswith("-") else longest.upper()
