# Homeward: `make demo` runs everything on this machine, `make test` proves it.
SHELL := /bin/bash
GO ?= go
CACHE ?= $(or $(HOMEWARD_CACHE),$(HOME)/.cache/homeward)
BIN := bin
LINT := $(CACHE)/tools/golangci-lint-v2.15.0
FUZZTIME ?= 30s
export CGO_ENABLED = 0

.PHONY: axe help build test lint check e2e fuzz bench demo golden gen gen-check cross size tools packages js soak clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

packages: ## Install the Debian packages that demo and tests need (as root)
	@./build/packages.sh test

build: ## Build both binaries into bin/
	$(GO) build -trimpath -ldflags "-s -w" -o $(BIN)/ ./cmd/homeward ./cmd/homeward-agent

demo: build ## Run everything here on sample people; CHECK=1 performs one reset by itself
	@./build/packages.sh && exec $(BIN)/homeward demo $(if $(CHECK),--check) $(if $(READY_FILE),--ready-file $(READY_FILE)) $(if $(LISTEN),--listen $(LISTEN))

test: packages js lint check cross ## Everything: unit, both databases, real DC, browser, command line
	$(GO) test -count=1 -timeout 60m ./... # the whole-path tests run programs that the test cache does not see

check: gen-check ## Formatting, vet and generated files
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "gofmt would change: $$bad"; exit 1; }
	$(GO) vet ./...

lint: $(LINT) ## golangci-lint, import rules included
	$(LINT) run ./...

$(LINT):
	@mkdir -p $(dir $@)/build
	GOBIN=$(dir $@)/build $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv $(dir $@)/build/golangci-lint $@

js: ## Fetch the tools the page tests use, as locked
	@[ build/js/node_modules/.package-lock.json -nt build/js/package-lock.json ] || npm --prefix build/js ci --no-audit --no-fund --loglevel=error

e2e: packages ## Whole-path scenarios only
	$(GO) test -timeout 20m -count=1 ./test/e2e/...

fuzz: ## Every fuzz target for FUZZTIME (30s)
	@./build/fuzz.sh $(FUZZTIME)

bench: packages ## Print the figures: relay alone, pages, raw LDAP against the whole path, first sync, doctor, proof, fail-over
	$(GO) test -run '^$$' -bench . -benchtime 3s -timeout 30m ./internal/seal/... ./internal/server/broker/...
	$(GO) test -run '^$$' -bench Pages -benchtime 5s -timeout 30m ./internal/server
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/bench/...
	$(GO) test -run '^$$' -bench AuditPage -benchtime 10x -timeout 30m ./internal/server/store
	$(GO) test -run '^$$' -bench Apply20000 -benchtime 1x -timeout 30m ./internal/server/provision
	$(GO) test -run '^$$' -bench Proof -benchtime 3s -timeout 30m ./internal/agent/writeback
	$(GO) test -run '^$$' -bench Failover -benchtime 2x -timeout 30m ./internal/agent/activedirectory
	$(GO) test -run '^$$' -bench Delegation -benchtime 3x -timeout 30m ./internal/agent/activedirectory

cross: ## Both binaries for every platform
	@for t in linux/amd64 linux/arm64 windows/amd64 windows/arm64; do \
	  echo "build $$t"; GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/homeward && \
	  GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/homeward-agent || exit 1; done

size: build ## Size of the stripped binaries
	@ls -l $(BIN) | awk 'NR>1 {printf "%-16s %5.1f MB\n", $$9, $$5/1e6}'

gen: ## Write the generated documentation
	./build/reference.sh

gen-check: ## Fail if the generated documentation is out of date
	@d=$$(mktemp -d) && ./build/reference.sh $$d && diff -ru docs/reference $$d && rm -rf $$d || { echo 'The reference is out of date: run make gen'; exit 1; }

golden: ## Rewrite golden files on purpose
	$(GO) test ./... -run 'Golden|Script' -update

soak: packages ## The slow runs: each fault hits more than 200 resets, kills repeated
	HOMEWARD_SOAK=1 $(GO) test -v -timeout 90m -count=1 ./test/faults/...
	$(GO) test -timeout 60m -count=5 -run 'Kill|Restart|Secret' ./test/e2e/...
	HOMEWARD_SOAK=1 $(GO) test -v -timeout 60m -count=1 ./test/sync/...

axe: js ## Every page in every language and both themes before axe-core
	HOMEWARD_SOAK=1 $(GO) test -v -timeout 60m -count=1 -run TestEveryPageInABrowser ./internal/server/web/portal ./internal/server/web/admin

clean: ## Remove what was built
	rm -rf $(BIN) build/js/node_modules
