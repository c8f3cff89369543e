"""Who one is, and how the connection is kept secret: tokens and certificates."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificates

from blackroad.cli.commands.doctor.finding import Finding, Patient
from blackroad.cli.settings.parts import ClientPart
from blackroad.cli.settings.read import read
from blackroad.core.errors import Rejection
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import CoreSettings

_SOON: Final = timedelta(days=7)


def check_token(patient: Patient) -> Iterator[Finding]:
    """Find a token that the core of these settings does not take."""
    token = read(ClientPart, patient.values).token
    auth = read(CoreSettings, patient.values).auth
    if not token or auth.jwks is not None:
        return  # nothing is shown, or its key is elsewhere
    try:
        identity = Verifier(auth).verify(token.strip())
    except Rejection as rejection:
        fix = "make one with these settings: `blackroad token SUBJECT`, and set BLACKROAD_TOKEN"
        yield Finding("token", False, rejection.message, fix)
        return
    ends = datetime.fromtimestamp(identity.expires_at or 0, UTC)
    text = f"{identity.kind.value} {identity.subject}, until {ends:%Y-%m-%d %H:%M} UTC"
    yield Finding("token", True, text)


def check_tls(patient: Patient) -> Iterator[Finding]:
    """Find certificates that are not the key's, or have run out."""
    tls = read(CoreSettings, patient.values).tls
    if tls.cert is None or tls.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key)
        chain = load_pem_x509_certificates(Path(tls.cert).read_bytes())
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or str(error)
        text = f"{tls.cert} and {tls.key} do not go together ({why})"
        yield Finding("tls", False, text, "tls.cert is the chain, the server's own first")
        return
    yield _lifetime(chain[0])


def _lifetime(certificate: Certificate) -> Finding:
    now, ends = datetime.now(UTC), certificate.not_valid_after_utc
    begins = certificate.not_valid_before_utc
    text = f"good from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
    if begins > now:
        return Finding("tls", False, f"not yet {text}", "is the clock right?")
    if ends - _SOON < now:
        word = "no longer" if ends < now else "not much longer"
        fix = "put a new one in its place: it is taken without a restart"
        return Finding("tls", False, f"{word} {text}", fix)
    return Finding("tls", True, text)
