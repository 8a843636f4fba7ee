"""Where peers are installed: one virtual environment a library, made by `muslin peers install` and by nothing else.

Environments lie in the directory `MUSLIN_PEERS` names, `.peers/` of the working directory by default. A library that
the running interpreter has already (implicit always, more with `muslin[peers]`) needs none.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from muslin.errors import ModelError, UsageError, nearest
from muslin.peers import known
from muslin.peers.adapters.contract import Peer

_TAIL = 12
"""Lines of pip's output shown when it fails."""


def root() -> Path:
    """Directory of all environments."""
    return Path(os.environ.get("MUSLIN_PEERS") or ".peers").absolute()


def pins(environment: str) -> str:
    """Text of pinned requirements of an environment, as pip reads it."""
    return (files("muslin.peers") / "requirements" / f"{environment}.txt").read_text(encoding="utf-8")


def python(peer: Peer) -> Path:
    """The interpreter that runs `peer`; raises `UsageError` (`peer_not_installed`) naming the command for it."""
    own = _python(root() / peer.environment)
    if _ready(peer.environment):
        return own
    if importlib.util.find_spec(peer.module) is not None:
        return Path(sys.executable)
    stale = ", or is of other versions than this Muslin wants" if own.exists() else ""
    raise UsageError(
        f"{peer.name} runs the library {peer.distribution}, which is not installed{stale}",
        code="peer_not_installed",
        where=str(root() / peer.environment),
        fix=f"muslin peers install {peer.environment}",
    )


def installed(peer: Peer) -> str | None:
    """Version of the library that would run `peer`, None where none is installed."""
    if _ready(peer.environment):
        marker = json.loads(_marker(peer.environment).read_text(encoding="utf-8"))
        found: str | None = marker["versions"].get(peer.distribution.lower())
        return found
    try:
        return version(peer.distribution)
    except PackageNotFoundError:
        return None


def install(names: Iterable[str]) -> list[Path]:
    """Make the environments of peers or environments called `names`, replacing what is there; returns where they are.

    Downloads with pip, as it is set up on this machine. Raises `UsageError` (`unknown_peer`) before anything is done,
    and `ModelError` (`peer_not_built`) with the end of pip's output; what failed leaves nothing behind.
    """
    chosen = dict.fromkeys(_environment(name) for name in names)
    return [_install(one) for one in chosen]


def _environment(name: str) -> str:
    if name in known.environments():
        return name
    if name in known.names():
        return known.peer(name).environment
    raise UsageError(
        f"no peer is called {name!r}", code="unknown_peer", fix=nearest(name, [*known.names(), *known.environments()])
    )


def _install(environment: str) -> Path:
    home = root() / environment
    shutil.rmtree(home, ignore_errors=True)
    venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(home)
    wanted = home / "requirements.txt"
    wanted.write_text(pins(environment), encoding="utf-8")
    pip = [str(_python(home)), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    try:
        _run([*pip, "install", "-r", str(wanted)], environment)
        listed = json.loads(_run([*pip, "list", "--format", "json"], environment))
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    versions = {one["name"].lower(): one["version"] for one in listed}
    _marker(environment).write_text(json.dumps({"pins": _digest(environment), "versions": versions}), encoding="utf-8")
    return home


def _run(command: list[str], environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    if done.returncode == 0:
        return done.stdout
    tail = "\n".join((done.stdout + done.stderr).splitlines()[-_TAIL:])
    raise ModelError(
        f"pip could not install {environment}:\n{tail}",
        code="peer_not_built",
        where=str(root() / environment),
        fix="read pip's last lines; a library without a wheel for this machine needs a C compiler",
    )


def _python(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _marker(environment: str) -> Path:
    return root() / environment / "muslin.json"


def _digest(environment: str) -> str:
    return hashlib.sha256(pins(environment).encode()).hexdigest()


def _ready(environment: str) -> bool:
    """Whether the environment was installed to the end, from the pins of this version of Muslin."""
    marker = _marker(environment)
    if not marker.is_file() or not _python(marker.parent).exists():
        return False
    return bool(json.loads(marker.read_text(encoding="utf-8"))["pins"] == _digest(environment))
