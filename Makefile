# make help lists the targets. `make run` and `make test` are all the set-up there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TOOL := go tool -modfile=.ci/tools.mod
# One set of flags for all: what differs in one of them is compiled anew, dependencies included.
export GOFLAGS := -trimpath $(filter-out -trimpath,$(GOFLAGS))
# Packages whose tests need a real Postgres or real processes: `make test` runs them, `make check` does not.
REAL := /persistence/postgres|/gateway/webhooks|/cmd/

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: $(if $(shell command -v npm),ui) bin/brigata ## build and start a node on 127.0.0.1:8080 with SQLite and the demo store in ./data
	@./bin/brigata serve --listen 127.0.0.1:8080 --data ./data

# The compiler knows where an order spends its time: docs/decisions/0010. Tests of what a node does, not of
# how fast, go without: with the profile all dependencies are compiled once more.
PGO := cmd/brigata-bench/order.prof
web-test web-smoke: PGO := off
.PHONY: bin/brigata bin/brigata-bench bin/brigata-edge
bin/brigata:
	@go build -pgo=$(PGO) -o bin/brigata ./cmd/brigata
bin/brigata-edge: ## a box in a store, alone
	@go build -o bin/brigata-edge ./cmd/brigata-edge
bin/brigata-bench:
	@go build -pgo=$(PGO) -o bin/brigata-bench ./cmd/brigata-bench
profile: bin/brigata-bench ## measure W1 and keep its profile for the next builds
	./bin/brigata-bench run W1 --clients 64 --duration 10s --systems brigata --profile cmd/brigata-bench/order.prof
	@rm cmd/brigata-bench/order.prof.allocs

# The browser's apps. Without Node the rest builds and runs; the pages then say how to build them.
UI_SOURCES := $(shell git ls-files --cached --others --exclude-standard web/src web/test web/public 'web/*.html' 'web/*.ts' 'web/*.js' web/package-lock.json)
ui: web/dist/index.html ## build the browser's apps into web/dist (when stale)
web/dist/index.html: web/node_modules/.package-lock.json $(UI_SOURCES)
	@cd web && npm run -s build && touch dist/index.html
web/node_modules/.package-lock.json: web/package-lock.json
	@command -v npm >/dev/null || { echo "missing: Node.js 20.19 or newer, with npm"; exit 1; }
	cd web && npm ci --no-audit --no-fund --loglevel=error
web-check: web/node_modules/.checked ## lint, types and unit tests of the browser's apps (when they changed)
web/node_modules/.checked: web/node_modules/.package-lock.json web/package.json $(UI_SOURCES)
	@cd web && npx biome check --error-on-warnings . && npx svelte-check --tsconfig ./tsconfig.json --threshold warning --output human && npx vitest run --reporter=dot && touch node_modules/.checked

# Browser tests run a real node and Debian's Chromium; make deps installs it.
WEB_TESTS := $(sort $(wildcard web/test/browser/*.test.mjs))
web-test: ui bin/brigata ## every browser test: the apps, outages, every page at every size in both languages with axe
	@.ci/deps chromium fonts-noto-cjk && node --test --test-concurrency=1 $(WEB_TESTS)
# What make test leaves to web-test: every page at every size, and every app by keys alone.
web-smoke: ui bin/brigata
	@.ci/deps chromium && node --test --test-concurrency=1 $(filter-out %pages.test.mjs %keyboard.test.mjs,$(WEB_TESTS))
web-budget: ui ## sizes of the apps against their budgets
	@node web/tools/budget.mjs
web-speed: ui bin/brigata ## the apps' speed on a slow phone and on a full board; wants a quiet machine
	@.ci/deps chromium && node web/tools/speed.mjs
web-screens: ui bin/brigata ## screenshots of every page into docs/screens
	@.ci/deps chromium fonts-noto-cjk fonts-inter && node web/tools/screens.mjs

check: ## format, vet, staticcheck, architecture, generated code, unit tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run: gofmt -w ."; exit 1; }
	go vet ./...
	go vet -tags operations,edge ./cmd/brigata/e2e
	$(TOOL) staticcheck ./...
	@$(MAKE) -s gen-check
	go test -vet=off . $$(go list ./... | grep -vE '$(REAL)')
	@! command -v npm >/dev/null || $(MAKE) -s web-check

test: deps check ## everything that must hold: check, contract on real databases, end to end
	go test -vet=off -timeout 12m -parallel 5 $$(go list ./... | grep -E '$(REAL)') # tests of processes wait more than they work
	@$(MAKE) -s micro BENCHTIME=1x >/dev/null # a benchmark is to run, whatever it measures
	@! command -v npm >/dev/null || $(MAKE) -s web-smoke
	go run ./cmd/brigata-sim -from 151 -seeds 350 -sweep 0 # check has played 150 and swept one

.PHONY: bin/brigata-sim
bin/brigata-sim: # built, not run by go: it says of which commit it is
	@go build -pgo=$(PGO) -o bin/brigata-sim ./cmd/brigata-sim
sim: bin/brigata-sim ## the simulation: 2,000 seeds, a crash at every step of short stories, all mutants; or SEEDS=n FROM=m, without mutants
	./bin/brigata-sim -seeds $(or $(SEEDS),2000) -from $(or $(FROM),1) -sweep $(if $(SEEDS),0,3) $(if $(SEEDS),,-mutants all)

test-all: test web-test race money operations edge fuzz ## test, then every browser test, the race detector, kills at every step of a payment, a box that fails, the operator's files and the fuzzers

operations: ## deploy/: alert rules, manifests, an image, rotation, a real Prometheus over real nodes, upgrades from the previous build
	@.ci/deps prometheus buildah
	cd .ci/manifests && go test ./...
	CGO_ENABLED=0 $(MAKE) -s ui bin/brigata && buildah bud --isolation chroot --storage-driver vfs -q -f deploy/Dockerfile -t brigata .
	cd deploy/prometheus && promtool check config prometheus.yml && promtool test rules rules_test.yml
	go test -tags operations -run 'Image|Rotation|Alert|Upgrade|Mixed' ./cmd/brigata/e2e

train: bin/brigata ## train the boxes' models into bin/models, and those that boxes come with: some minutes
	nice ./bin/brigata edge-model train bin/models --ship edge/model/shipped/fused.bin --pass edge/model/pass/pass.bin

RUNS ?= 200
money: deps ## RUNS (200) orders by each kind of payment, on SQLite and Postgres, the node killed at one step of each: a line for each kind
	go test -count=1 -timeout 90m -v -run TestMoneySurvivesKills ./cmd/brigata/e2e -runs $(RUNS)

CUT ?= 10m
edge: deps ## a box under 1,000 readings a second, and with 50 machines: its memory; link, power, box and node fail, with the link cut for CUT (10m)
	go test -tags edge -count=1 -timeout 40m -v -run 'TestEdge(Memory|Units|Faults)' ./cmd/brigata/e2e -cut $(CUT)

# Of cluster, peers and what starts several of them in one process are left out: every start of
# Proto.Actor's remote sets gRPC's logger anew, which gRPC's own goroutines read.
race: ## unit tests under the race detector
	go test -race -timeout 20m ./actors/... ./gateway/... ./persistence/... ./cluster/cells ./cluster/membership ./cluster/bus

bench: deps bin/brigata bin/brigata-bench bin/brigata-bench-redis ## every workload beside its peers, into docs/benchmarks.md; WORKLOADS="W3 W5", DURATION=3s
	./bin/brigata-bench suite $(WORKLOADS) --duration $(or $(DURATION),3s) --markdown docs/benchmarks.md --json docs/benchmarks/figures.jsonl
BENCHTIME ?= 300ms
micro: ## the micro-benchmarks, for BENCHTIME (300ms) each
	go test -vet=off -run '^$$' -bench . -benchtime $(BENCHTIME) $$(go list ./actors/... ./persistence/... ./gateway/...)
# Redis's client is the peer's alone: a module of its own. Without redis-server there is no peer.
.PHONY: bin/brigata-bench-redis
bin/brigata-bench-redis:
	@! command -v redis-server >/dev/null || (cd .ci/redis && go build -o ../../bin/brigata-bench-redis .)

FUZZTIME ?= 30s
fuzz: ## each fuzz target for FUZZTIME (30s)
	@.ci/fuzz $(FUZZTIME)

gen: ## regenerate what is generated: protobuf code, the browser's types
	go generate ./actors/wire
	go run ./actors/wire/typescript web/src/lib/wire.ts
gen-check: # the browser's types are held by a test of actors/wire/typescript
	@cp -r actors/wire $(or $(TMPDIR),/tmp)/wire.$$$$ && go generate ./actors/wire && diff -rq actors/wire $(or $(TMPDIR),/tmp)/wire.$$$$; s=$$?; rm -rf $(or $(TMPDIR),/tmp)/wire.$$$$; [ $$s = 0 ] || { echo "generated code is stale: commit what make gen wrote"; exit 1; }

.PHONY: cluster faults faults-report bin/brigata-fleet
cluster: deps bin/brigata bin/brigata-fleet ## three nodes and a temporary Postgres on this machine, until ^C
	@./bin/brigata-fleet cluster

SCENARIO ?= all
ROUNDS ?= 1
FLAGS ?=
faults: deps bin/brigata bin/brigata-fleet ## break nodes, network, database under load: SCENARIO=kill|pause|partition|database|join|leave|rolling|all|long ROUNDS=n FLAGS='--long --for 1h'
	@./bin/brigata-fleet faults --scenario $(SCENARIO) --rounds $(ROUNDS) --results bin/faults.jsonl $(FLAGS)
faults-report: bin/brigata-fleet ## write docs/faults.md from the rounds of commits that make faults has kept in bin/faults.jsonl
	@./bin/brigata-fleet report
bin/brigata-fleet:
	@go build -o bin/brigata-fleet ./cmd/brigata-fleet

deps: ## what the tests need: a PostgreSQL server (installed when root, else named)
	@.ci/deps

.PHONY: help edge money train profile run ui web-check web-test web-smoke web-budget web-speed web-screens check test test-all operations race bench micro fuzz gen gen-check deps sim
