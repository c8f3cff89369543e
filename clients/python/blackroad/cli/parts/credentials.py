"""What `up` gives its own children, anew at each start, so that they know each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
    load_pem_x509_certificates,
)

from blackroad.cli.settings.problems import Problem, SettingsError
from blackroad.cli.token import Claims, make_token
from blackroad.core.identity.development import ALL_GRANTS
from blackroad.core.identity.identity import Kind
from blackroad.core.settings import AuthSettings, TlsSettings

# As long as a process may run without a restart.
LIFETIME_SECONDS: Final = 365 * 86400.0

_KINDS: Final[Mapping[str, Kind]] = {"agents": Kind.SERVICE, "edge": Kind.GATEWAY}


def token_for(part: str, auth: AuthSettings) -> str | None:
    """Return a part's token; None where the core needs none, as in development."""
    if auth.development or part not in _KINDS:
        return None
    if auth.secret is None:
        text = "`up` makes its parts' tokens with auth.secret; with a public key start core, edge"
        raise SettingsError([Problem("auth.public_key", f"{text} and agents one by one")])
    claims = Claims(subject=part, kind=_KINDS[part], grants=ALL_GRANTS)
    return make_token(claims, auth, min(LIFETIME_SECONDS, auth.max_lifetime_seconds))


def trust_for(tls: TlsSettings) -> Mapping[str, str]:
    """Return the settings by which a part knows the core, and what it shows it; none without TLS.

    Where the settings do not say whom to trust, it is the core's own certificate and no other.
    """
    if tls.cert is None or tls.key is None:
        return {}
    trust = {"CERT": tls.cert, "KEY": tls.key, "CA": tls.ca or tls.cert}
    name = tls.server_name
    if tls.ca is None:
        name = _host_name(load_pem_x509_certificates(Path(tls.cert).read_bytes())[0])
    named = trust | ({"SERVER_NAME": name} if name else {})
    return {f"BLACKROAD_TLS__{setting}": value for setting, value in named.items()}


def _host_name(certificate: Certificate) -> str:
    """Return a name that the certificate is for; empty where it is for addresses only."""
    try:
        named = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ""
    return next(iter(named.get_values_for_type(DNSName)), "").replace("*", "core", 1)
