"""Lets `python -m blackroad.cli` be the command: that is how `up` starts its children."""

from blackroad.cli.main import app

app(prog_name="blackroad")
