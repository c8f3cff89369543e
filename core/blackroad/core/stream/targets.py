"""Who can be asked: what the workers of a node serve, for those who may invoke it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from blackroad.core.identity.authorize import allows
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.names import token
from blackroad.core.stream.route import served_model
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2

AGENT: Final = 0
MODEL: Final = 1
CAPABILITY: Final = 2


class Offer(NamedTuple):
    """Something that is served: what it is, how people say it, and what `invoke` is allowed on."""

    kind: int
    label: str
    name: str

    @property
    def target(self) -> stream_pb2.Target:
        """Return what to invoke."""
        if self.kind == AGENT:
            return stream_pb2.Target(agent=self.label)
        if self.kind == MODEL:
            return stream_pb2.Target(model=self.label)
        return stream_pb2.Target(capability=self.label)

    @property
    def page_token(self) -> str:
        """Return what a page that ends with it is continued by; grows as the list does."""
        return f"{self.kind}{self.label}"


def offers(workers: Iterable[Worker], identity: Identity) -> list[Offer]:
    """Return what the identity may invoke of what these serve: agents, models, capabilities."""
    served: set[Offer] = set()
    for worker in workers:
        if worker.identity.tenant == identity.tenant and not worker.draining:
            served.update(_offers_of(worker.register))
    return sorted(offer for offer in served if allows(identity, Action.INVOKE, offer.name))


def _offers_of(register: stream_pb2.Register) -> Iterable[Offer]:
    if register.agent:
        yield Offer(AGENT, register.agent, f"agent.{token(register.agent)}")
    for model in register.models:
        yield Offer(MODEL, model, served_model(model))
    for capability in register.capabilities:
        yield Offer(CAPABILITY, capability, f"capability.{token(capability)}")
