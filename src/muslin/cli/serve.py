"""`muslin serve`: a model answers over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import ModelPath
from muslin.cli.failures import INTERRUPTED


def serve(
    model: ModelPath,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8642,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What survives a restart: keys, events.", show_default=False)
    ] = None,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /metrics, on loopback; 0 takes a free one.")
    ] = 8643,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Log every request, not only slow, refused and failed ones.")
    ] = False,
) -> None:
    """Answer recommendation requests over HTTP until interrupted."""
    from muslin.http.serve import Settings
    from muslin.http.serve import serve as run

    settings = Settings(host=host, port=port, state=state, admin_port=admin_port, log_requests=log_requests)
    try:
        run(model, settings)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
