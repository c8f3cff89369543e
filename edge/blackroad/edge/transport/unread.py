"""How much a peer has not taken yet."""

import asyncio
import sys
from contextlib import suppress
from typing import Protocol, runtime_checkable


@runtime_checkable
class Numbered(Protocol):
    """A socket, as event loops show theirs."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


def unread_bytes(transport: asyncio.Transport) -> int:
    """Count the bytes that wait here and, on Linux, in the kernel.

    Here alone they become fewer in steps of what the kernel takes at once, so that who reads slowly
    would look like who has stopped.
    """
    return transport.get_write_buffer_size() + _kernel_bytes(transport)


def _kernel_bytes(transport: asyncio.Transport) -> int:
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    found: object = transport.get_extra_info("socket")
    if not isinstance(found, Numbered):
        return 0
    with suppress(OSError, ValueError):  # it has just been closed
        return int.from_bytes(
            fcntl.ioctl(found.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
        )
    return 0
