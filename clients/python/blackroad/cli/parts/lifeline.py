"""The line between `up` and a part of it: the part says that it is ready, and dies when `up` does.

One socket pair a part. The part writes one line, `{"ready": {name: address}}`, or `{"failed": text,
"status": number}` where it cannot start; `up` never writes.
The end of the line at the part means that `up` is gone, however it went.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from blackroad.cli.running import FAILED, WRONG, StartError
from blackroad.cli.settings.problems import SettingsError

DRAIN_SECONDS: Final = 5.0


class Lifeline:
    """The part's end. Without a number, as for a part that was started alone, it does nothing."""

    def __init__(self, number: int | None) -> None:
        self._socket = None if number is None else socket.socket(fileno=number)
        if self._socket is not None:
            self._socket.set_inheritable(False)
            threading.Thread(target=self._watch, args=(self._socket,), daemon=True).start()

    def ready(self, addresses: Mapping[str, str]) -> None:
        """Say that the part serves, and where."""
        self._say({"ready": dict(addresses)})

    @contextmanager
    def reporting(self) -> Generator[None]:
        """Say why the part cannot start, where something says so."""
        try:
            yield
        except StartError as error:
            self._say({"failed": str(error), "status": FAILED})
            raise
        except SettingsError as error:
            self._say({"failed": str(error), "status": WRONG})
            raise

    def _say(self, word: Mapping[str, object]) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # `up` has gone: the watching thread ends us
                self._socket.sendall(json.dumps(word).encode() + b"\n")

    @staticmethod
    def _watch(line: socket.socket) -> None:
        """Drain this process when `up` is gone, and end it where that takes too long."""
        while line.recv(64):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(DRAIN_SECONDS)
        os._exit(1)
