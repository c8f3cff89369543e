"""What the agent host is told: where the core is, who it is, and which models there are."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class ModelsSettings(BaseModel):
    """Which models answer (BLACKROAD_MODELS__…)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: str | None = Field(
        default=None,
        description="The model of agents that name none; else llama3.2:3b of a local Ollama that "
        "lists it, else builtin/echo.",
    )
    allow: list[str] = Field(
        default=["*"],
        description="Patterns of the models that may be used, such as `ollama/*`.",
    )
    echo_words_per_second: float = Field(
        default=50.0, ge=0, description="The pace of builtin/echo; 0 does not wait at all."
    )
    max_tokens: int = Field(
        default=4096, ge=1, description="The most tokens of an answer whose caller names no number."
    )
    thinking_tokens: int = Field(
        default=0,
        ge=0,
        description="How many tokens anthropic/ models may think, at least 1024; 0: as they do by "
        "themselves.",
    )
    connect_seconds: float = Field(
        default=5.0, gt=0, description="How long a provider may take to take the connection."
    )
    first_token_seconds: float = Field(
        default=180.0,
        gt=0,
        description="How long a provider may take to begin; a large model has to be loaded first.",
    )
    silence_seconds: float = Field(
        default=120.0, gt=0, description="How long a provider may say nothing within an answer."
    )
    retry_seconds: float = Field(
        default=5.0, gt=0, description="How often it is looked whether a provider answers."
    )


class AgentsSettings(BaseModel):
    """The part of the settings that is the agent host's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str = Field(
        default="127.0.0.1:50051",
        description="A comma list of the core's addresses, or dns:///name:port (BLACKROAD_CORE).",
    )
    token: SecretStr | None = Field(default=None, description="The token (BLACKROAD_TOKEN).")
    agents: Path | None = Field(
        default=None, description="The agents' TOML file, else the packaged one (BLACKROAD_AGENTS)."
    )
    models: ModelsSettings = ModelsSettings()
