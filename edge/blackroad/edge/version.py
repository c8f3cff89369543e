"""The version of this edge, as installed."""

from importlib.metadata import PackageNotFoundError, version


def read_version() -> str:
    """Return the installed version, or `0` where the source is run without being installed."""
    try:
        return version("blackroad-realtime")
    except PackageNotFoundError:
        return "0"


VERSION = read_version()
