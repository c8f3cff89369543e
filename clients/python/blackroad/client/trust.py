"""How the SDK knows its core by TLS, and what it shows: of the call, else of the environment."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

_PREFIX: Final = "BLACKROAD_TLS__"


@dataclass(frozen=True, slots=True)
class Trust:
    """Files of PEM, for addresses with `grpcs://` or `https://`; empty means not given.

    `ca`: authorities of servers, else the system's. `cert` and `key`: the client's own certificate.
    `server_name`: the core's name, where it is not in its address.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""

    @classmethod
    def from_environment(cls) -> "Trust":
        """Read BLACKROAD_TLS__CA, __CERT, __KEY and __SERVER_NAME."""
        return cls(*(os.environ.get(_PREFIX + name, "") for name in _NAMES))

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """What a connection is made with. Reads the files; raises OSError."""
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.cert),
        )

    @property
    def context(self) -> ssl.SSLContext:
        """The same for `https://`. Reads the files; raises OSError."""
        made = ssl.create_default_context(cafile=self.ca or None)
        if self.cert:
            made.load_cert_chain(self.cert, self.key or None)
        return made

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """What a channel must be told beside."""
        if not self.server_name:
            return ()
        return (("grpc.ssl_target_name_override", self.server_name),)


_NAMES: Final = ("CA", "CERT", "KEY", "SERVER_NAME")


def _read(file: str) -> bytes | None:
    return Path(file).read_bytes() if file else None
