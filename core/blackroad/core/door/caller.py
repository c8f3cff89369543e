"""Who a call is made for: found once when it comes in, asked for by whoever serves it."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Final, Protocol

from blackroad.core.identity.identity import Identity


class Call(Protocol):
    """The part of a servicer's context that says what the caller sent."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Return the headers, names in lower case."""
        ...

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS knows of the peer, by the names of gRPC."""
        ...


PEM: Final = "x509_pem_cert"
CALLER: Final[ContextVar[Identity]] = ContextVar("caller")


def identify(context: object) -> Identity:
    """Return who the call is made for, as the door verified it before the service was called.

    To be asked in the task that serves the call, or one that this task started.
    """
    return CALLER.get()


def headers(context: Call) -> dict[str, str]:
    """Return the text headers of a call; of a repeated one the last."""
    return {
        name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)
    }


def certificate(context: Call) -> str:
    """Return the peer's certificate as PEM; empty where TLS has verified none."""
    return "".join(each.decode("ascii") for each in context.auth_context().get(PEM, ()))
