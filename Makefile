SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
bin := .venv/bin
pip := $(bin)/python -m pip --disable-pip-version-check --quiet --no-input
# Starting a process without cached bytecode takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(bin):$(CURDIR)/.tools/bin:$(PATH)

node := tests/node/node_modules/.installed
typescript := clients/typescript/node_modules/.installed
console := clients/console/node_modules/.installed

# What a test may need beyond Python and PyPI; `make check` runs these, `make test` does not.
elsewhere := go or java or node or rust or redis or browser or slow

##@ Use

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.run ## Install the runtime lock into .venv and start everything on loopback
	exec $(bin)/blackroad up

.PHONY: install
install: .venv/.run ## Install the command and its runtime lock into .venv, and start nothing

.PHONY: run-model
run-model: .venv/.run ## The same, with a model of your own Ollama behind the agents
	exec $(bin)/python tools/run_model.py

##@ Test

# grpc.aio has one poller for a process and all its event loops: a loop that one test closes can cost
# another its events. So each kind of test has a process of its own; they wait more than they
# compute, so that five run at a time, the longest first; those that attack and measure are two.
journeys := tests/journeys tests/docs
doors := tests/conformance tests/guide
log := tests/core/log tests/contract/log
core := tests/core
edge := tests/edge
contract := tests/contract tests/examples tests/trust
transport := tests/edge/transport tests/hostile
client := tests/client tests/agents
chaos := tests/chaos
groups := edge client core journeys contract log rest doors transport chaos
ignore_core := --ignore=tests/core/log
ignore_edge := --ignore=tests/edge/transport
ignore_contract := --ignore=tests/contract/log --ignore=tests/examples/languages --ignore=tests/examples/frameworks
ignore_rest := $(foreach group,$(filter-out rest,$(groups)),$(addprefix --ignore=,$($(group))))
parallel := $(MAKE) --no-print-directory --output-sync=target
# What failed is known for each group by itself.
test_once_or_twice = tools/test.sh -o cache_dir=.pytest_cache/$@

.PHONY: test
test: .venv/.test ## Run every test that needs Python and PyPI only
	@$(parallel) --jobs=5 $(groups:%=test-%)

.PHONY: $(groups:%=test-%)
$(groups:%=test-%): test-%: .venv/.test
	$(test_once_or_twice) -m "not ($(elsewhere) or bench or real_model)" $($*) $(ignore_$*)

.PHONY: test-model
test-model: .venv/.test ## Test with a real model: wants an Ollama that answers
	$(bin)/python -m pytest -m real_model -s tests/agents

.PHONY: check
check: lint types protos breaking check-generated docs test-elsewhere examples ## Run everything that `make test` leaves out

# What `make test` leaves out, and with many more examples what it generates.
.PHONY: test-elsewhere
test-elsewhere: .venv/.check .tools/bin/grpcurl $(node) $(typescript) $(console)
	@$(parallel) --jobs=2 $(groups:%=elsewhere-%)
	$(test_once_or_twice) -m bench tests

.PHONY: $(groups:%=elsewhere-%)
$(groups:%=elsewhere-%): elsewhere-%: .venv/.check
	THOROUGH=1 $(test_once_or_twice) -m "($(elsewhere) or examples) and not bench" $($*) $(ignore_$*) \
	  || test $$? -eq 5 # 5: there is none

# They build in four languages, and a core's agents want the machine for themselves.
.PHONY: examples
examples: .venv/.test .tools/bin/grpcurl .tools/frameworks/.installed $(node) ## Build and run the examples: each language, each framework
	$(test_once_or_twice) tests/examples

.PHONY: test-typescript
test-typescript: .venv/.test $(typescript) ## Test the TypeScript SDK: types, size, real servers, Chromium
	$(bin)/python -m pytest tests/typescript

.PHONY: console
console: $(console) ## Build what the edge serves at / from clients/console
	cd clients/console && npm run --silent build

.PHONY: audit
audit: .venv/.check ## Look for known weaknesses in what the locks name (asks PyPI and npm)
	pip-audit --strict --disable-pip --require-hashes -r requirements/run.lock
	for lock in $(npm_locks); do (cd "$$(dirname "$$lock")" && npm audit --package-lock-only) || exit 1; done

npm_locks = $(wildcard tests/node/package-lock.json clients/*/package-lock.json examples/node/package-lock.json)

.PHONY: fuzz
fuzz: .venv/.test .tools/fuzz/atheris ## Fuzz the parsers with atheris, a minute each
	for parser in frame pattern cursor document proto; do \
	  PYTHONPATH=.tools/fuzz:. $(bin)/python tests/hostile/fuzz.py $$parser \
	    -max_total_time=$(or $(SECONDS_EACH),60) -artifact_prefix=.tools/fuzz/ || exit 1; done

.PHONY: soak
soak: .venv/.test ## Run clients on a fleet while faults strike, SECONDS long, and judge what they saw
	$(bin)/python -m tests.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

.PHONY: lint
lint: .venv/.check ## Check style, format, layers and declared dependencies
	ruff check .
	ruff format --check .
	lint-imports
	deptry core edge generated clients/python

.PHONY: types
types: .venv/.check ## Check types with mypy and basedpyright, both strict
	mypy
	basedpyright

.PHONY: bench
bench: .venv/.test ## Measure latency, fan-out and memory beside other servers
	$(bin)/python -m benchmarks

##@ Read

.PHONY: docs
docs: .venv/.test .tools/docs/.installed ## Make the site of docs/ with the API reference: no server, no network
	$(bin)/python -m tools.site

##@ Contract

.PHONY: generate
generate: .venv/.test ## Make generated/ from protos/
	buf generate

.PHONY: check-generated
check-generated: .venv/.test ## Fail when generated/ is not, byte for byte, what protos/ makes
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	buf generate -o "$$fresh"; \
	diff -r --exclude=__pycache__ "$$fresh/generated" $(generated) || \
	{ echo "generated/ differs from protos/: run make generate" >&2; exit 1; }

generated := generated

.PHONY: breaking
breaking: .venv/.test ## Fail when protos/ breaks clients of protos/baseline.binpb
	buf breaking --against protos/baseline.binpb

.PHONY: baseline
baseline: .venv/.test ## Renew protos/baseline.binpb (only with a page in docs/decisions)
	buf build --as-file-descriptor-set --exclude-source-info -o protos/baseline.binpb

.PHONY: protos
protos: .venv/.test ## Lint the protos and compile them for Python, Go and Java with plain protoc
	buf lint
	buf format --diff --exit-code
	tools/compile-protos

##@ House

.PHONY: format
format: .venv/.check ## Format Python and protos in place
	ruff format .
	ruff check --fix-only .
	buf format --write

.PHONY: lock
lock: .venv/.check ## Resolve requirements/*.lock anew
	uv pip compile $(lock) --group build pyproject.toml -o requirements/run.lock
	uv pip compile $(lock) --group build --group dev -c requirements/run.lock pyproject.toml \
	  -o requirements/test.lock
	uv pip compile $(lock) --group build --group dev --group check -c requirements/test.lock \
	  pyproject.toml -o requirements/check.lock
	uv pip compile $(lock) requirements/docs.in -o requirements/docs.lock
	uv pip compile $(lock) --group build pyproject.toml requirements/frameworks.in \
	  -o requirements/frameworks.lock

lock = --quiet $(upgrade) --no-header --no-annotate --universal --python-version 3.11 --generate-hashes

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	@touch $@

# Compiling every module would take as long as the rest; Python compiles what it imports.
.venv/.run: .venv/.python requirements/run.lock pyproject.toml
	$(pip) install --no-compile --require-hashes -r requirements/run.lock
	$(pip) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.run requirements/test.lock
	$(pip) install --no-compile --require-hashes -r requirements/test.lock
	@touch $@

# What looks at the code and does not run it: `make test` need not wait for it.
.venv/.check: .venv/.test requirements/check.lock
	$(pip) install --no-compile --require-hashes -r requirements/check.lock
	@touch $@

# mkdocs and its theme know nothing of the product, and the product nothing of them.
.tools/docs/.installed: requirements/docs.lock .venv/.python
	$(PYTHON) -m venv .tools/docs/venv
	.tools/docs/venv/bin/python -m pip --disable-pip-version-check --quiet --no-input install \
	  --no-compile --require-hashes -r requirements/docs.lock
	@touch $@

# Frameworks for agents, and the SDK beside them: for examples/frameworks.
.tools/frameworks/.installed: requirements/frameworks.lock .venv/.python
	$(PYTHON) -m venv .tools/frameworks
	.tools/frameworks/bin/python -m pip --disable-pip-version-check --quiet --no-input install \
	  --no-compile --require-hashes -r requirements/frameworks.lock
	.tools/frameworks/bin/python -m pip --disable-pip-version-check --quiet --no-input install \
	  --no-deps --no-build-isolation -e .
	@touch $@

# What tests take from npm; `make $(node)` alone installs it.
$(node) $(typescript) $(console): %/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# For one interpreter and platform only, so it is in no lock.
.tools/fuzz/atheris: .venv/.test
	$(pip) install --target .tools/fuzz atheris==3.0.0
	@touch $@

.tools/bin/grpcurl:
	GOBIN=$(CURDIR)/.tools/bin go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
