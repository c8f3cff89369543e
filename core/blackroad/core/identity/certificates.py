"""Client certificates: which services they stand for, by setting."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from cryptography import x509

from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.settings import CertificateIdentity

REMEMBERED: Final = 1024


class Certificates:
    """Knows services by the certificates that TLS has verified.

    A certificate is named by its URI or DNS alternative names, and else by its common name.
    """

    def __init__(self, identities: Mapping[str, CertificateIdentity]) -> None:
        self._identities = identities
        self._known = lru_cache(maxsize=REMEMBERED)(self._find)

    def identity(self, certificate: Callable[[], str]) -> Identity | None:
        """Return whose a certificate is; None where the settings know none of its names.

        It is asked for, as PEM, only where the settings know any.
        """
        pem = certificate() if self._identities else ""
        return self._known(pem) if pem else None

    def _find(self, pem: str) -> Identity | None:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        for name in _names(certificate):
            if (known := self._identities.get(name)) is not None:
                return _identity(name, known, certificate)
        return None


def _identity(name: str, known: CertificateIdentity, certificate: x509.Certificate) -> Identity:
    kind = Kind(known.kind)
    return Identity(
        tenant=known.tenant,
        subject=known.subject or name,
        kind=kind,
        grants=tuple(known.parsed_grants),
        expires_at=certificate.not_valid_after_utc.timestamp(),
        issued_at=certificate.not_valid_before_utc.timestamp(),
        speaks_for_others=kind is Kind.GATEWAY,
    )


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        names: list[str] = []
    else:
        names = [
            *alternative.value.get_values_for_type(x509.UniformResourceIdentifier),
            *alternative.value.get_values_for_type(x509.DNSName),
        ]
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names or [str(each.value) for each in common]
