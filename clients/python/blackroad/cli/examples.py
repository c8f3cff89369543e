"""What `--help` shows of each command, beside its options: lines that can be typed as they are."""

from collections.abc import Callable
from typing import Final

import typer

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "up": (
        "blackroad up",
        "blackroad up --http 127.0.0.1:0 --grpc 127.0.0.1:0",
        "blackroad up --log embedded:data --limits.user.burst-limit 100",
    ),
    "core": ("blackroad core --grpc 127.0.0.1:50051 --log redis://127.0.0.1/0",),
    "edge": ("blackroad edge --http 127.0.0.1:8080 --core 127.0.0.1:50051",),
    "agents": ("blackroad agents --core 127.0.0.1:50051 --models.default ollama/llama3.2:3b",),
    "run": ("blackroad run hello.py", "blackroad run hello.py --reload"),
    "config": ("blackroad config", "blackroad config --json --config blackroad.toml"),
    "doctor": ("blackroad doctor", "blackroad doctor --json --config blackroad.toml"),
    "bench": ("blackroad bench",),
    "tap": (
        "blackroad tap 'task.>'",
        "blackroad tap 'task.>' alerts --type 'task.*' --from LUCIDIA",
        "blackroad tap 'task.*.progress' --since 10m --no-follow --json",
        "blackroad tap orders --count 1 --content",
    ),
    "publish": (
        "blackroad publish room 'hello'",
        "blackroad publish task.7 '{\"progress\": 50}' --content-json --event task.progress",
    ),
    "presence": ("blackroad presence agent", "blackroad presence --watch --json"),
    "chat": (
        "blackroad chat ECHO 'hello there'",
        "blackroad chat --model builtin/echo 'hello there' --json",
    ),
    "channels": ("blackroad channels", "blackroad channels 'task.>' --json"),
    "streams": ("blackroad streams", "blackroad streams --conversation c1 --json"),
    "sessions": ("blackroad sessions", "blackroad sessions --subject ann --json"),
    "disconnect": ("blackroad disconnect se_01",),
    "revoke": ("blackroad revoke t1", "blackroad revoke --subject ann"),
    "nodes": ("blackroad nodes", "blackroad nodes --json"),
    "explain": ("blackroad explain se_01 room",),
    "token": (
        "blackroad token ann",
        "blackroad token worker-1 --kind agent --grant 'agent.HELLO:serve' --hours 24",
    ),
    "console": ("blackroad console",),
}


def add(  # type: ignore[explicit-any]  # commands have nothing else in common
    app: typer.Typer,
    panel: str,
    *commands: Callable[..., None],
    settings: dict[str, bool] | None = None,
    hint: str = "",
) -> None:
    """Add commands to a panel of the help, each with its examples."""
    for command in commands:
        lines = [*(f"$ {line}" for line in EXAMPLES[command.__name__]), *([hint] if hint else [])]
        epilog = "\n\n".join(line.replace("[", r"\[") for line in lines)
        app.command(context_settings=settings, epilog=epilog, rich_help_panel=panel)(command)
