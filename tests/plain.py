"""HTTP without TLS, as tests speak it to servers on this machine."""

import ssl
from typing import Final

TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What `verify` of a client of httpx is here: else each reads all authorities there are (30 ms)."""
