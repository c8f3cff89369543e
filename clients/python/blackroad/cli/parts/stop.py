"""What a signal means to a process of ours: the first one drains it, the second ends it at once."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Turns SIGTERM and SIGINT into an event. To be made in the loop's own thread.

    `last_act` is called before the second signal ends the process.
    """

    def __init__(self, last_act: Callable[[], None] = lambda: None) -> None:
        self.asked = asyncio.Event()
        self._last_act = last_act
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._receive, number)

    def _receive(self, number: signal.Signals) -> None:
        if self.asked.is_set():
            self._last_act()
            os._exit(128 + number)
        self.asked.set()
