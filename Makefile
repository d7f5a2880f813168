.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python >= 3.11 found, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/version = "\(.*\)"/\1/p;}' uv.lock)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE ?= localhost/railwatch:$(VERSION)
CONTAINER ?= $(shell command -v podman || echo docker)
BIN := .venv/bin
READY := .venv/.ready
comma := ,

export UV_PYTHON_DOWNLOADS := never
# Modules are compiled once, even where a shell forbids it: to import a service takes less than half the time then.
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/.cache/prometheus/usr/bin:$(PATH)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36mmake %-19s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv with everything the lock file names (the other targets do this by themselves)

$(READY): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Railwatch needs Python 3.11 or newer; name one with PYTHON=/path/to/python" >&2; exit 1; }
	@echo "==> Making .venv with $$($(PYTHON) --version) and the packages of uv.lock (once; about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --python $(BIN)/python
	@touch $@

.PHONY: demo
demo: $(READY) ## Replay Tumangang 2023 through the whole system and show the alert (KEEP=1 keeps it running)
	@$(BIN)/railwatch demo $(if $(KEEP),--keep)

# A file's tests stay in one process, which has servers of its own. Those that take longest come first.
BY_FILE = --dist loadfile --no-loadscope-reorder
# Many tests wait for servers, so there are two processes for each core.
PROCESSES = $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))

.PHONY: test
test: $(READY) ## Run the tests that need only Python, on the embedded broker and Redis
	$(BIN)/pytest $(BY_FILE) --numprocesses $(PROCESSES)

.PHONY: test-kafka
test-kafka: $(READY) ## Run the integration and end-to-end tests against real Apache Kafka (needs Java 17 and Maven)
	tests/kafka/fetch
	RAILWATCH_TEST_KAFKA=apache $(BIN)/pytest $(BY_FILE) --numprocesses auto tests/e2e tests/integration

.PHONY: test-pages
test-pages: $(READY) ## Run the tests of the pages in a browser (needs Chromium)
	$(BIN)/pytest tests/pages

.PHONY: fuzz
fuzz: $(READY) ## Feed every door with 5000 mutated inputs (INPUTS=..., SEED=... repeats a run, PIECES=... names some)
	$(BIN)/python -W ignore -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED)) $(PIECES)

.PHONY: chaos
chaos: $(READY) ## Break the running system 500 times and check every promise (INJECTIONS=..., MINUTES=..., SEED=..., BUG=...; needs Java, Maven, redis-server)
	tests/kafka/fetch
	$(BIN)/python -m tests.chaos --injections $(or $(INJECTIONS),500) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(BUG),--bug $(BUG))

.PHONY: chaos-short
chaos-short: $(READY) ## Break the running system for as long as fits into four minutes in all (SEED=..., BUG=...)
	tests/kafka/fetch
	$(BIN)/python -m tests.chaos --short $(if $(SEED),--seed $(SEED)) $(if $(BUG),--bug $(BUG))

.PHONY: lint
lint: $(READY) ## Check format, lint, types, the direction of imports and the declared dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/deptry --no-ansi src services shared

.PHONY: format
format: $(READY) ## Format the code and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Real yards with a label for every wagon, if there are any; docs/accuracy.md says what such a folder contains.
IMAGERY ?= $(wildcard ../shared/imagery)
REAL = $(foreach yard,$(wildcard $(IMAGERY)/*/cars.geojson),--real $(dir $(yard)))

.PHONY: bench
bench: bench-accuracy bench-alerts bench-baselines bench-recalibration bench-registration bench-speed ## Run all benchmarks; each prints tables

.PHONY: bench-accuracy
bench-accuracy: $(READY) ## Measure the accuracy of counts, by data set and condition (IMAGERY=... names real yards)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.accuracy
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.real_yards $(dir $(wildcard $(IMAGERY)/*/truth.json)) --seen muttenz-west
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.reliability $(dir $(wildcard $(IMAGERY)/*/truth.json))
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.coarse $(dir $(wildcard $(IMAGERY)/*/truth.json))
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.kinds
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.places $(dir $(wildcard $(IMAGERY)/*/truth.json))

.PHONY: bench-alerts
bench-alerts: $(READY) ## Measure false alarms and delays of alerts beside other rules, and the cost of an observation
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.alerts
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.alert_cost

.PHONY: bench-recalibration
bench-recalibration: $(READY) ## Measure how often intervals hold the truth after 0 to 50 verdicts at a site
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.recalibration

.PHONY: bench-baselines
bench-baselines: $(READY) ## Measure counts over a year at a yard that is never empty, by baseline
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.baselines

.PHONY: bench-registration
bench-registration: $(READY) ## Measure the registration of baselines, by condition
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.registration

.PHONY: bench-proposals
bench-proposals: $(READY) ## Measure the tracks that are proposed from a picture, beside the true ones (IMAGERY=... as above)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.proposals --seeds 1 \
		--imagery $(dir $(wildcard $(IMAGERY)/*/truth.json)) --partial muttenz-west

.PHONY: bench-speed
bench-speed: $(READY) ## Measure the time of a count on one core, by stage, and its memory
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.speed

.PHONY: bench-ingest
bench-ingest: $(READY) ## Measure what crosses the network for one site in a large scene, beside plain rasterio
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.reads

.PHONY: bench-load
bench-load: $(READY) ## Measure what the running services cost for each scene, beside the arithmetic alone (needs Java, Maven)
	tests/kafka/fetch
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.load

.PHONY: bench-attacks
bench-attacks: $(READY) ## Measure the memory of each service under each attack on its doors
	$(BIN)/python -m tests.benchmarks.attacks

.PHONY: train
train: $(READY) ## Make the detector's model files, a night on two cores (installs PyTorch, 3 GB; IMAGERY=..., OUT=...)
	$(BIN)/uv sync --quiet --frozen --all-extras
	$(if $(OUT),$(MAKE) --no-print-directory train-on-labels,$(MAKE) --no-print-directory train-all)

.PHONY: train-all
train-all:
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training.axis
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training $(REAL)
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training.joined
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training.coarse

# The two files in which labelled yards make a difference, into a folder of their own.
.PHONY: train-on-labels
train-on-labels:
	mkdir -p $(OUT)
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training $(REAL) --out $(OUT)/evidence.npz
	OMP_NUM_THREADS=1 $(BIN)/python -m railwatch.training.joined --features $(OUT)/evidence.npz --out $(OUT)/joined.onnx

.PHONY: test-train
test-train: $(READY) ## Test the fits of the model (installs PyTorch, 3 GB)
	$(BIN)/uv sync --quiet --frozen --all-extras
	$(BIN)/pytest tests/training

# The same commit on the same base gives the same image: all times are the commit's.
COMMITTED = $(shell git log -1 --format=%ct)

.PHONY: image
image: ## Build the container image with Podman or Docker (BASE=... names another base, CONTAINER=... the tool)
	SOURCE_DATE_EPOCH=$(COMMITTED) $(CONTAINER) build --file deploy/image/Dockerfile --tag $(IMAGE) \
		$(if $(findstring podman,$(CONTAINER)),--timestamp $(COMMITTED)) $(if $(BASE),--build-arg BASE=$(BASE)) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		$(if $(SSL_CERT_FILE),--secret id=ca-certificates$(comma)src=$(SSL_CERT_FILE)) .

.PHONY: settings
settings: $(READY) ## Write docs/settings.md from the models of the settings
	@mkdir -p build
	$(BIN)/python -m railwatch.cli.settings_page >build/settings.md
	mv build/settings.md docs/settings.md

.PHONY: deploy-files
deploy-files: $(READY) ## Write the generated dashboards and manifests
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	$(BIN)/python -m deploy

.PHONY: check-deploy
check-deploy: $(READY) ## Check manifests, rules, routes and dashboards without starting Railwatch (needs jq)
	deploy/tests/fetch
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	$(BIN)/mypy --package deploy
	$(BIN)/python -m deploy --check
	promtool check config --syntax-only deploy/prometheus/prometheus.yaml
	promtool check rules deploy/prometheus/rules.yaml
	$(BIN)/pytest deploy/tests/static

.PHONY: test-deploy
test-deploy: check-deploy ## Run what is in deploy/ on Apache Kafka, Redis and nginx (needs Java, Maven and redis-server)
	tests/kafka/fetch
	$(BIN)/pytest deploy/tests/running

.PHONY: test-grafana
test-grafana: ## Test the dashboards' tables with Grafana's own code (needs Node and npm; some 200 packages, once)
	cd deploy/tests/grafana && { test -e node_modules/.package-lock.json || npm ci --ignore-scripts --no-audit --no-fund; } && node --test

.PHONY: crds
crds: $(READY) ## Write the operators' definitions that the tests of deploy/ use (needs Maven and Go)
	$(BIN)/python -m deploy.tests.crds

.PHONY: test-admission
test-admission: $(READY) ## Ask the code of PodSecurity admission about all pods (needs Go; some minutes for the first time)
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	$(BIN)/pytest deploy/tests/cluster/test_admission.py

# What Go compiled once, outside the repository: it is the same for every checkout.
CLUSTER := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/railwatch/cluster

.PHONY: test-cluster
test-cluster: $(READY) ## Apply the overlays to Kubernetes' own API server (needs Go and jq; 15 minutes of processor for the first time)
	deploy/tests/cluster/build $(CLUSTER)
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	PATH="$(CLUSTER):$$PATH" $(BIN)/pytest deploy/tests/cluster

.PHONY: test-image
test-image: $(READY) ## Run the built image with Podman: its contents, and the pipeline in pods (needs root)
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	CONTAINERS_CONF=$(CURDIR)/deploy/tests/image/containers.conf IMAGE=$(IMAGE) $(BIN)/pytest deploy/tests/image

# What production installs, as the Dockerfile does: no group for developers, no broker of the demo.
PRODUCTION := --quiet --frozen --no-dev --extra otel
# The tools of the group `supply`, in an environment of their own.
SUPPLY := UV_PROJECT_ENVIRONMENT=build/supply $(BIN)/uv run --quiet --frozen --only-group supply --python $(BIN)/python

.PHONY: audit
audit: $(READY) ## Look for known vulnerabilities in all packages of uv.lock (asks pypi.org; a mirror has no such list)
	@mkdir -p build
	$(BIN)/uv export --quiet --frozen --all-extras --all-groups --no-emit-project --output-file build/locked.txt >/dev/null
	$(SUPPLY) pip-audit --strict --disable-pip --progress-spinner off --requirement build/locked.txt

.PHONY: production
production: $(READY)
	UV_PROJECT_ENVIRONMENT=build/production $(BIN)/uv sync $(PRODUCTION) --no-install-project --python $(BIN)/python

.PHONY: sbom
sbom: production ## Write what production installs to build/sbom.cdx.json, with licences (CycloneDX, validated)
	$(SUPPLY) cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate \
		--output-file build/sbom.cdx.json build/production

.PHONY: licences
licences: production ## Write the table at the end of docs/licences.md: the licence of each package in production
	sed '/^|/,$$d' docs/licences.md >build/licences.md
	$(SUPPLY) pip-licenses --python build/production/bin/python --from=mixed --no-version --format=markdown >>build/licences.md
	mv build/licences.md docs/licences.md

.PHONY: dist
dist: $(READY) ## Build the wheel and the source distribution into dist/
	@rm -rf dist
	$(BIN)/uv build --quiet

.PHONY: release
release: $(READY) ## Make release VERSION=1.2.3 with all its artefacts, a commit and a tag (DRY_RUN=1 tries it; REGISTRY=...)
	$(BIN)/uv sync --quiet --frozen --all-extras --no-extra train --group deploy
	PATH="$(CURDIR)/$(BIN):$$PATH" deploy/release $(VERSION)

.PHONY: clean
clean: ## Remove everything that was built, .venv included
	rm -rf .venv .cache build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
