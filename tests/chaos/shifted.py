"""Runs `blackroad` with a wall clock that signals move: SIGUSR1 an hour ahead, SIGUSR2 back.

What is moved is Python's `time.time` and `time.time_ns`, which the core's clock is; libraries in C
keep the machine's time. A time namespace could move only what is monotonic, which never jumps.
"""

import signal
import time
from typing import Final

HOUR_NS: Final = 3_600_000_000_000
_time_ns: Final = time.time_ns
_ahead_ns = 0


def _shifted_ns() -> int:
    return _time_ns() + _ahead_ns


def _move(number: int, _: object) -> None:
    global _ahead_ns  # noqa: PLW0603 - a process has one clock
    _ahead_ns += HOUR_NS if number == signal.SIGUSR1 else -HOUR_NS


def main() -> None:
    """Move the clock when told to, and be the command."""
    time.time_ns = _shifted_ns
    time.time = lambda: _shifted_ns() / 1e9
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _move)
    from blackroad.cli.main import app  # only now: it takes the clock when it is imported

    app(prog_name="blackroad")


if __name__ == "__main__":
    main()
