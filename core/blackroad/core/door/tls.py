"""The core's TLS: its certificate, whose clients it believes, and new files without a restart."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias, cast

import grpc
import structlog
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates

from blackroad.core.settings import TlsSettings

LOG = structlog.get_logger(__name__)

Configuration: TypeAlias = grpc.ServerCertificateConfiguration
Stamps: TypeAlias = tuple[int, ...]
NONE: Final[Stamps] = ()


class RefusedCertificateError(Exception):
    """The files cannot be used; the text says why."""


class CertificateFiles:
    """Reads the files of the settings, and again when one of them has changed.

    gRPC asks at each handshake. Files that cannot be used are reported once and change nothing:
    they may be half replaced.
    """

    def __init__(self, cert: str, key: str, client_ca: str | None) -> None:
        self._files = [Path(each) for each in (cert, key, client_ca) if each is not None]
        self._authorities = client_ca is not None
        self._stamps = NONE

    def read(self) -> Configuration:
        """Return what the files say now; raise `RefusedCertificateError`."""
        self._stamps = self._stamped()
        try:
            cert, key, *authorities = [file.read_bytes() for file in self._files]
            _check(cert, key)
        except OSError as error:
            raise RefusedCertificateError(f"{error.filename} cannot be read") from None
        except (ValueError, TypeError):
            raise RefusedCertificateError("tls.cert and tls.key are not PEM, or no pair") from None
        return grpc.ssl_server_certificate_configuration(
            [(key, cert)], root_certificates=authorities[0] if authorities else None
        )

    def changed(self) -> Configuration | None:
        """Return what the files say where they have changed since they were read last."""
        if self._stamped() == self._stamps:
            return None
        try:
            configuration = self.read()
        except RefusedCertificateError as refused:
            LOG.warning("tls.unread", reason=str(refused))
            return None
        LOG.info("tls.read_again")
        return configuration

    def _stamped(self) -> Stamps:
        try:
            return tuple(file.stat().st_mtime_ns for file in self._files)
        except OSError:
            return self._stamps  # one is just being replaced


def server_credentials(tls: TlsSettings) -> grpc.ServerCredentials | None:
    """Return what the server listens with; None without TLS. Raises `RefusedCertificateError`.

    With `client_ca` whoever connects needs a certificate of one of these authorities.
    """
    if tls.cert is None or tls.key is None:
        return None
    files = CertificateFiles(tls.cert, tls.key, tls.client_ca)
    first = files.read()
    # The stubs do not know that None means no change.
    changed = cast("Callable[[], Configuration]", files.changed)
    return grpc.dynamic_ssl_server_credentials(
        first, changed, require_client_authentication=tls.client_ca is not None
    )


def _check(cert: bytes, key: bytes) -> None:
    """Raise ValueError or TypeError where the key is not the certificate's."""
    public = load_pem_private_key(key, password=None).public_key()
    certified = load_pem_x509_certificates(cert)[0].public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != certified.public_bytes(*form):
        raise ValueError("no pair")
