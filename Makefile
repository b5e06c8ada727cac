# make help lists the targets. `make run` and `make test` are all the set-up there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TOOL := go tool -modfile=.ci/tools.mod
# Packages whose tests need a real Postgres or real processes: `make test` runs them, `make check` does not.
REAL := /persistence/postgres|/persistence/projection|/cmd/

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: bin/brigata ## build and start a node on 127.0.0.1:8080 with SQLite and the demo store in ./data
	@./bin/brigata serve --listen 127.0.0.1:8080 --data ./data

.PHONY: bin/brigata bin/brigata-bench
bin/brigata:
	@go build -trimpath -o bin/brigata ./cmd/brigata
bin/brigata-bench:
	@go build -trimpath -o bin/brigata-bench ./cmd/brigata-bench

check: ## format, vet, staticcheck, architecture, generated code, unit tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run: gofmt -w ."; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	@$(MAKE) -s gen-check
	go test . $$(go list ./... | grep -vE '$(REAL)')

test: deps check ## everything that must hold: check, contract on real databases, end to end
	go test -timeout 12m $$(go list ./... | grep -E '$(REAL)')

test-all: test race fuzz ## test, then the race detector and the fuzzers

race: ## unit tests under the race detector
	go test -race -timeout 20m ./actors/... ./gateway/... ./persistence/...

bench: bin/brigata-bench ## W1 and W2 against the conventional way, and the micro-benchmarks
	./bin/brigata-bench run W1 --clients 64 --duration 5s
	./bin/brigata-bench run W1 --clients 256 --duration 5s
	./bin/brigata-bench run W2 --clients 256 --duration 5s
	go test -run '^$$' -bench . -benchtime 300ms ./actors/... ./persistence/... ./gateway/...

FUZZTIME ?= 30s
fuzz: ## each fuzz target for FUZZTIME (30s)
	@.ci/fuzz $(FUZZTIME)

gen: ## regenerate what is generated: protobuf code
	go generate ./actors/wire
gen-check:
	@cp -r actors/wire $(or $(TMPDIR),/tmp)/wire.$$$$ && go generate ./actors/wire && diff -rq actors/wire $(or $(TMPDIR),/tmp)/wire.$$$$; s=$$?; rm -rf $(or $(TMPDIR),/tmp)/wire.$$$$; [ $$s = 0 ] || { echo "generated code is stale: commit what make gen wrote"; exit 1; }

deps: ## what the tests need: a PostgreSQL server (installed when root, else named)
	@.ci/deps

.PHONY: help run check test test-all race bench fuzz gen gen-check deps
