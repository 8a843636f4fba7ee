"""`muslin peers`: other projects' models that can be judged beside ours, and their installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, note, table
from muslin.errors import UsageError

if TYPE_CHECKING:
    from muslin.peers.adapters.contract import Peer

_INSTALL = "install"


def peers(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | install NAME…]", help="Show this peer in full, or install the library of these."
        ),
    ] = None,
    json_to: JsonFile = None,
) -> None:
    """List other projects' models that `muslin evaluate --against` can run, show one, or install them.

    Each is installed in an environment of its own, in `.peers/` or where `MUSLIN_PEERS` says. Nothing is ever
    downloaded by another command.
    """
    given = words or []
    if given[:1] == [_INSTALL]:
        _install(given[1:])
        return
    if len(given) > 1:
        raise UsageError(
            f"one name at a time, not {', '.join(given)}",
            code="too_many_names",
            where="muslin peers",
            fix=f"muslin peers {given[0]}, or muslin peers install {' '.join(given)}",
        )
    refuse_unwritable(json_to)
    from muslin.peers import environment, known

    found = [known.peer(name) for name in given or known.names()]
    versions = [environment.installed(one) for one in found]
    if given:
        _show(found[0], versions[0], json_to)
    else:
        rows = [(p.name, v or "not installed", p.summary) for p, v in zip(found, versions, strict=True)]
        console(json_to).print(table("Peers", ("name", "version", "what it is"), rows))
        more = "\nmore about one: muslin peers NAME; to install: muslin peers install NAME…"
        console(json_to).print(more, style="dim", markup=False)
    write_json([_plain(p, v) for p, v in zip(found, versions, strict=True)], json_to)


def _install(names: list[str]) -> None:
    from muslin.peers import environment

    if not names:
        raise UsageError(
            "which peer?", code="no_peer", where="muslin peers install", fix="muslin peers lists those there are"
        )
    note("downloading and building; LightFM takes minutes")
    for home in environment.install(names):
        console().print(f"installed {home}", markup=False, soft_wrap=True)


def _show(peer: "Peer", version: str | None, json_to: str | None) -> None:
    screen = console(json_to)
    screen.print(peer.name, style="bold", markup=False)
    screen.print(f"{peer.summary}\n", markup=False)
    screen.print(f"{peer.distribution} {version or 'is not installed'}", markup=False)
    screen.print(f"a new garment: {peer.new_item}", markup=False, soft_wrap=True)
    screen.print(f"a new shopper: {peer.new_shopper}\n", markup=False, soft_wrap=True)
    rows = [(name, repr(option.default), option.help) for name, option in peer.options.items()]
    screen.print(table("Options", ("option", "default", "what it is"), rows, right=("default",)))


def _plain(peer: "Peer", version: str | None) -> dict[str, object]:
    return {
        "name": peer.name,
        "library": peer.distribution,
        "version": version,
        "environment": peer.environment,
        "summary": peer.summary,
        "new_item": peer.new_item,
        "new_shopper": peer.new_shopper,
        "options": peer.defaults(),
    }
