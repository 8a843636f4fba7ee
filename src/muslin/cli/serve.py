"""`muslin serve`: a model answers over HTTP."""

from typing import Annotated

import typer

from muslin.cli.arguments import ModelPath
from muslin.cli.failures import INTERRUPTED


def serve(
    model: ModelPath,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8642,
) -> None:
    """Answer recommendation requests over HTTP until interrupted."""
    from muslin.http.serve import serve as run

    try:
        run(model, host=host, port=port)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
