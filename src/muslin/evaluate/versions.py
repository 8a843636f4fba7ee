"""What an evaluation was made with."""

import platform
from importlib.metadata import version

import muslin


def versions() -> dict[str, str]:
    """Version of us, of Python and of what the figures may depend on, by name."""
    packages = {name: version(name) for name in ("torch", "numpy", "polars")}
    return {"muslin": muslin.__version__, "python": platform.python_version(), **packages}
