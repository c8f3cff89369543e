"""What a fenced block may be besides one that is run, and how each kind is checked.

| fence | what it is | how it is checked |
| --- | --- | --- |
| any, first line a path | an excerpt | it stands in that file, line for line |
| any, first line a name | a file | a command of the same page uses it; it parses |
| `sh` | installs or starts something | only what `SHOWN` lists, which CI does |
| `json`, `toml`, `yaml` | settings, a document | it parses |
| `text drawing` | a drawing | nobody could type it |
| what `ELSEWHERE` lists | code of another language | the test that is named there reads the page |
"""

import ast
import json
import tomllib
from collections.abc import Callable
from typing import Final

import yaml

from tests.docs.blocks import ROOT, Block, blocks

SHOWN: Final = (
    "make ",
    "git clone ",
    "cd ",
    "go install ",
    ". .venv/bin/activate",
    ".venv/bin/pip install ",
    "apt install ",
    "npm install ",
    "export BLACKROAD_",
    "blackroad up",
)
# Page and language, and the test that reads its blocks.
ELSEWHERE: Final = {
    ("docs/typescript.md", "sh"): "tests/typescript/test_sdk.py",
    ("docs/typescript.md", "ts"): "clients/typescript/tests/docs.test.ts",
    ("docs/typescript.md", "tsx"): "clients/typescript/tests/docs.test.ts",
    ("docs/typescript.md", "text"): "clients/typescript/tests/docs.test.ts",
    ("docs/chat.md", "jsx"): "tests/node/test_react.py",
}
WORDS: Final = {
    "console": {"follow", "serve", "dialogue", "go", "node"},
    "text": {"drawing"},
}


def fault(block: Block) -> str:
    """Return what is wrong with a block, or nothing."""
    if unknown := block.words - WORDS.get(block.language, set()):
        return f"words that mean nothing: {unknown}"
    if block.excerpt:
        return _excerpt(block)
    if block.language == "console":
        return "" if block.text.startswith("$ ") else "it begins with no command"
    if block.file:
        return _file(block)
    if elsewhere := ELSEWHERE.get((str(block.page.relative_to(ROOT)), block.language)):
        return "" if block.page.name in (ROOT / elsewhere).read_text() else f"not in {elsewhere}"
    check = _CHECKS.get(block.language)
    return check(block) if check else f"`{block.language}` is run by nothing and checked by nothing"


def _excerpt(block: Block) -> str:
    path = ROOT / block.excerpt
    if not path.is_file():
        return f"{block.excerpt} is not there"
    shown = block.text.partition("\n")[2].strip("\n")
    return "" if f"\n{shown}\n" in f"\n{path.read_text()}\n" else f"not so in {block.excerpt}"


def _file(block: Block) -> str:
    others = [other.text for other in blocks(block.page) if other.text != block.text]
    name = block.file if block.language != "python" else block.file.removesuffix(".py")
    if not any(name in text for text in others):
        return f"nothing uses {block.file}"
    check = _CHECKS.get(block.language)
    return check(block) if check else ""


def _sh(block: Block) -> str:
    lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line]
    return next((line for line in lines if not line.startswith(SHOWN)), "")


def _drawing(block: Block) -> str:
    if "drawing" not in block.words:
        return "`text` says what it is: `text drawing`, or `console` for what a command prints"
    return "that is no drawing" if block.text.startswith(("$ ", "{", "#")) else ""


def _parses(parse: Callable[[str], object]) -> Callable[[Block], str]:
    def check(block: Block) -> str:
        try:
            parse(block.text)
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            return str(error)
        return ""

    return check


def _yaml(text: str) -> list[object]:
    return list(yaml.safe_load_all(text))


_CHECKS: Final[dict[str, Callable[[Block], str]]] = {
    "sh": _sh,
    "text": _drawing,
    "json": _parses(json.loads),
    "toml": _parses(tomllib.loads),
    "yaml": _parses(_yaml),
    "python": _parses(ast.parse),
}
