#!/usr/bin/env bash
# Runs pytest, and what failed there once more: on a shared machine a process may wait for its turn
# longer than any bound that is worth having. What failed at first stays printed; what fails twice fails.
set -uo pipefail
python -m pytest "$@"
code=$?
if [ "$code" -ne 1 ]; then # 1: tests failed
  exit "$code"
fi
printf '\n== Once more, what failed\n\n'
exec python -m pytest --last-failed --last-failed-no-failures none "$@"
