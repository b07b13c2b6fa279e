# Every target is one command of Go or one script, so that nothing needs make to be built or checked.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PORT ?= 10057
PACKAGES ?= internal/inventory rules collector internal/awsread
RUN ?=
FUZZTIME ?= 10m
VULNDB ?=
BENCH_FLAGS ?=
SOAK_FLAGS ?=
IMAGE ?= cognito-ses-exporter:$(shell cat VERSION)

.PHONY: help build test fuzz bench soak mutate e2e lint fmt vulncheck check-metrics check-rules image image-check package-check helm-check helm-sync release demo docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the static binary bin/cognito-ses-exporter
	scripts/build bin/cognito-ses-exporter

test: ## Run the tests
	go test -race -shuffle=on -timeout 30m ./...

fuzz: ## Run every fuzz target for FUZZTIME (10m)
	scripts/fuzz $(FUZZTIME)

bench: ## Measure memory, CPU, scrapes and freshness (an hour): RUN=memory-30k for some rows only, BENCH_FLAGS=-quick for a smoke test
	go build -o bin/bench ./bench
	bin/bench -run '$(value RUN)' $(BENCH_FLAGS)

soak: ## Disturb a running exporter (ten minutes) and compare it with a fresh one; SOAK_FLAGS="-duration=1m -seed=7"
	go build -o bin/soak ./bench/soak
	bin/soak $(SOAK_FLAGS)

mutate: bin/gremlins ## Count how many small changes of the code the tests notice; PACKAGES="..." for some packages only
	scripts/mutate bin/gremlins 90 $(PACKAGES)

e2e: ## Run the exporter with a real Prometheus and Alertmanager: dashboards and alerts
	scripts/e2e

# With a cache of its own for each checkout: golangci-lint remembers issues by absolute path, and reports those of
# checkouts that are gone.
lint fmt: export GOLANGCI_LINT_CACHE = $(CURDIR)/bin/golangci-lint-cache

lint: bin/golangci-lint bin/actionlint ## Run the linters of .golangci.yml, and actionlint on the workflows
	bin/golangci-lint run ./...
	bin/actionlint -shellcheck= -pyflakes=

fmt: bin/golangci-lint ## Format the Go files
	bin/golangci-lint fmt ./...

vulncheck: bin/govulncheck ## Look for known vulnerabilities in what is called; VULNDB=URL for a database of your own
	scripts/vulncheck bin/govulncheck $(VULNDB)

check-metrics: bin/promtool ## Have promtool check the metrics of the demo
	scripts/check-metrics bin/promtool

check-rules: bin/promtool ## Have promtool check and test the alerts
	bin/promtool check rules rules/prometheus/*.yaml
	bin/promtool test rules rules/prometheus/tests/*.yaml

image: ## Build the container image with docker
	docker build -t $(IMAGE) --build-arg VERSION="$$(cat VERSION)" --build-arg REVISION="$$(git rev-parse HEAD)" \
	  --build-arg BRANCH="$$(git rev-parse --abbrev-ref HEAD)" \
	  --build-arg BUILD_DATE="$$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)" .

image-check: ## Build the image, with buildah where there is no docker, and check that it works
	scripts/image-check

package-check: bin/nfpm ## Build the Debian and the RPM package, install them on a fresh Debian and remove them
	scripts/package-check bin/nfpm

helm-check: bin/helm bin/kubectl-validate ## Lint and render the Helm chart and validate the outcome
	scripts/helm-check bin/helm bin/kubectl-validate

helm-sync: ## Copy alerts and dashboards into the Helm chart
	scripts/helm-sync

release: bin/cyclonedx-gomod bin/nfpm ## Build archives, packages and SBOMs for every platform, and their checksums, in dist/
	scripts/release bin/cyclonedx-gomod bin/nfpm

demo: ## Run the exporter on a simulated AWS, on 127.0.0.1:PORT (10057)
	go run ./cmd/exporter --demo --web.listen-address=127.0.0.1:$(PORT)

docs: ## Write docs/metrics.md from the metric table
	go test ./collector -run TestDocs -update

clean: ## Remove what was built
	rm -rf bin dist

bin/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	scripts/tool golangci-lint

bin/promtool: tools/promtool/go.mod tools/promtool/go.sum
	scripts/tool promtool

bin/helm: tools/helm/go.mod tools/helm/go.sum
	scripts/tool helm

bin/kubectl-validate: tools/kubectl-validate/go.mod tools/kubectl-validate/go.sum
	scripts/tool kubectl-validate

bin/gremlins: tools/gremlins/go.mod tools/gremlins/go.sum
	scripts/tool gremlins

bin/cyclonedx-gomod: tools/cyclonedx-gomod/go.mod tools/cyclonedx-gomod/go.sum
	scripts/tool cyclonedx-gomod

bin/actionlint: tools/actionlint/go.mod tools/actionlint/go.sum
	scripts/tool actionlint

bin/govulncheck: tools/govulncheck/go.mod tools/govulncheck/go.sum
	scripts/tool govulncheck

bin/nfpm: tools/nfpm/go.mod tools/nfpm/go.sum
	scripts/tool nfpm
