"""TLS of an edge: what it shows to browsers, and how it knows its core."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

import grpc

from blackroad.edge.settings import EdgeTls

_logger = logging.getLogger(__name__)
LOOK_SECONDS: Final = 5.0


class BrowserTls:
    """The context with which an edge listens.

    `watch` loads its files again when they change: for the connections that come after.
    """

    def __init__(self, tls: EdgeTls) -> None:
        """Read the files; raises OSError (of which ssl.SSLError is one) where that fails."""
        self._cert, self._key = tls.cert, tls.key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        if tls.client_ca:
            self.context.load_verify_locations(tls.client_ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self._stamps = self._stamped()
        self.context.load_cert_chain(self._cert, self._key)

    async def watch(self) -> None:
        """Look for new files every 5 s, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.refresh()

    def refresh(self) -> bool:
        """Load the files again where they have changed; tell whether they were.

        Files that cannot be used are reported, and change nothing: they may be half replaced.
        """
        stamps = self._stamped()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            # Into another context first: this one must not be left with half of a pair.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self._cert, self._key
            )
            self.context.load_cert_chain(self._cert, self._key)
        except OSError as error:
            _logger.warning("tls.cert and tls.key were not read again: %s", type(error).__name__)
            return False
        _logger.info("tls.cert and tls.key were read again")
        return True

    def _stamped(self) -> tuple[int, ...]:
        try:
            return tuple(Path(file).stat().st_mtime_ns for file in (self._cert, self._key))
        except OSError:
            return self._stamps  # one is just being replaced


def core_credentials(tls: EdgeTls) -> grpc.ChannelCredentials:
    """Return what an edge shows its core, and whom it takes for it. The files are read each time.

    Raises OSError.
    """
    return grpc.ssl_channel_credentials(
        root_certificates=Path(tls.ca).read_bytes() if tls.ca else None,
        private_key=Path(tls.key).read_bytes() if tls.key else None,
        certificate_chain=Path(tls.cert).read_bytes() if tls.cert else None,
    )
