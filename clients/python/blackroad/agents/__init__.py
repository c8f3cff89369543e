"""The five agents and the model adapters, ordinary gRPC clients of the core."""

from blackroad.agents.host import AgentHost, serve
from blackroad.agents.settings import AgentsSettings, ModelsSettings

__all__ = ["AgentHost", "AgentsSettings", "ModelsSettings", "serve"]
