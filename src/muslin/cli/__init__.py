"""The command `muslin`. Each command is one file: a dataclass of options, and one library call behind a thin layer.

Nothing heavy is imported until a command runs, so that `muslin --help` answers at once.
"""

from muslin.cli.app import main

__all__ = ["main"]
