# Everything that is done with this project, by name. `make help` lists it.
#
# It needs rustup's toolchain (Rust 1.95 or newer) and a C linker. Tools that some
# targets need beside it are installed once, pinned, under $(TOOLS).

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

CARGO ?= cargo
TOOLS ?= $(HOME)/.cache/tiercel/tools
export PATH := $(TOOLS)/bin:$(PATH)

# What is measured and shipped is built for the processor that it runs on.
TARGET_CPU ?= native

DENY_VERSION := 0.20.2
MUTANTS_VERSION := 27.1.0
LLVM_COV_VERSION := 0.9.1
FUZZ_VERSION := 0.13.2

# FEATURES of the binary, as cargo takes them.
WITH_FEATURES := $(FEATURES:%=--features=tiercel-cli/%)

# Tests run in their own folders: a relative path to the data is made absolute for them.
ifneq ($(TIERCEL_DATA),)
override TIERCEL_DATA := $(abspath $(TIERCEL_DATA))
export TIERCEL_DATA
endif

# The binary that the tests were built with.
TESTED = $(or $(CARGO_TARGET_DIR),target)/debug/tiercel

# The pure crates: what coverage is asked of.
PURE := types wire book matching strategy execution sim

# $(call tool,NAME,VERSION): installs a cargo tool once, pinned, unless it is there.
tool = cargo $(1:cargo-%=%) --version >/dev/null 2>&1 || \
	$(CARGO) install --quiet --locked --root $(TOOLS) $(1)@$(2)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## A venue, simulated participants and a market maker on this machine, as a live table
	$(CARGO) run --release --

.PHONY: build
build: ## Build the binary for people: target/release/tiercel. FEATURES=mimalloc or jemalloc: its allocator
	$(CARGO) build --release $(WITH_FEATURES)

.PHONY: dist
dist: ## Build the binary that is measured and shipped, for TARGET_CPU (native): target/dist/tiercel
	RUSTFLAGS="-C target-cpu=$(TARGET_CPU)" $(CARGO) build --profile dist -p tiercel-cli $(WITH_FEATURES)

.PHONY: test
test: ## All tests, two clients from PyPI included; TIERCEL_DATA=a folder of real market data includes those on it
	$(CARGO) test --workspace --locked
	$(MAKE) --no-print-directory xdp-test quick-clients
	$(CARGO) test -p tiercel-matching --locked --release --test it -- recorded determinism
	$(MAKE) --no-print-directory loom

.PHONY: xdp-test
xdp-test: ## Datagrams past the network stack, on virtual interfaces, where the machine allows it (in `test`)
	$(CARGO) test -p tiercel-net --features xdp --locked --test it -- xdp::

.PHONY: dpdk-smoke
dpdk-smoke: ## Datagrams through DPDK's tap ports (root; installs dpdk-dev)
	.ci/dpdk-smoke

.PHONY: loom
loom: ## The lock-free algorithms in every order of their steps, within three preemptions (in `test`)
	RUSTFLAGS="--cfg tiercel_loom" CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),target)/loom CARGO_PROFILE_TEST_OPT_LEVEL=3 \
		$(CARGO) test -p tiercel-sync -p tiercel-bus --locked --test loom

.PHONY: tsan
tsan: ## The stress tests of what threads share, under ThreadSanitizer
	TSAN_OPTIONS="suppressions=$(CURDIR)/crates/sync/tests/tsan.supp" \
		RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
		CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),target)/tsan \
		$(CARGO) test -p tiercel-sync --locked --target x86_64-unknown-linux-gnu --test stress

.PHONY: allocators
allocators: ## The binary with each allocator runs and says which it has; with both it does not build
	for name in mimalloc jemalloc; do \
		$(CARGO) run --quiet --locked -p tiercel-cli --features $$name -- doctor --json --root /nowhere | \
			grep -oF '"allocator":"'$$name'"'; \
	done
	{ ! $(CARGO) check --quiet --locked -p tiercel-cli --features mimalloc,jemalloc 2>&1; } | \
		grep -F 'exclude each other'

.PHONY: check
check: fmt-check lint docs deny flatbuffers ## Formatting, lints, documentation, dependencies and generated code

.PHONY: flatbuffers flatbuffers-code
flatbuffers:
	.ci/flatbuffers check
flatbuffers-code: ## Make the code of the FlatBuffers schema anew (needs python3 with pip)
	.ci/flatbuffers write

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all -- --check

.PHONY: lint
lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p tiercel-net --features xdp --all-targets --locked -- -D warnings

.PHONY: docs
docs: ## The documentation of every crate, in target/doc
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

.PHONY: deny
deny: ## Licences, duplicate and unwanted dependencies, sources
	$(call tool,cargo-deny,$(DENY_VERSION))
	cargo deny --log-level error --locked check bans licenses sources

.PHONY: bench benchmark
bench benchmark: ## Measure. BENCH=name for one bench (JSON=1: one JSON object a line); all rewrite BENCHMARKS.md
ifneq ($(BENCH),)
	@RUSTFLAGS="-C target-cpu=$(TARGET_CPU)" $(CARGO) run --quiet --profile dist --manifest-path benches/peers/Cargo.toml -- \
		$(BENCH) $(if $(JSON),--json)
else
	@RUSTFLAGS="-C target-cpu=$(TARGET_CPU)" .ci/bench-tables
endif

.PHONY: integration-test
integration-test: ## The tests that run the built binary, each crate's integration tests, all clients from PyPI
	$(CARGO) test --workspace --locked --test '*'
	$(MAKE) --no-print-directory quick-clients more-clients

.PHONY: quick-clients more-clients fix-clients
quick-clients: ## python-binance and ccxt, from PyPI, trade on the venue that the tests were built with
	[ -x $(TESTED) ] || $(CARGO) test --locked -p tiercel-cli --test it --no-run
	TIERCEL=$(TESTED) .ci/venue-clients quick
more-clients: ## ccxt.pro, binance-connector, binance-sdk-spot, nautilus_trader and simplefix (FIX) do; so do clients of ITCH, OUCH, binary and FlatBuffers
	[ -x $(TESTED) ] || $(CARGO) test --locked -p tiercel-cli --test it --no-run
	TIERCEL=$(TESTED) .ci/venue-clients more
fix-clients: ## QuickFIX, Debian's (C++) and PyPI's, as initiators on the venue and as acceptors of fix-client
	[ -x $(TESTED) ] || $(CARGO) test --locked -p tiercel-cli --test it --no-run
	TIERCEL=$(TESTED) .ci/venue-clients fix

.PHONY: clients
clients: build ## All clients from PyPI, pinned and unchanged, trade on a demo venue (needs python3)
	.ci/venue-clients quick
	.ci/venue-clients more
	.ci/venue-clients fix

.PHONY: schemathesis
schemathesis: build ## Requests made up from /openapi.json against a demo venue, SCHEMATHESIS_EXAMPLES (30) each (needs python3)
	.ci/venue-schemathesis

.PHONY: soak
soak: ## Long random tests, overflow checks on, in parts: SOAK_SECONDS (60) a test, SOAK_PARTS, SOAK_MINUTES
	CARGO="$(CARGO)" .ci/soak

.PHONY: load-test
load-test: build ## The engine at full load for LOAD_SECONDS, its books balanced at the end; 1,000 subscribers and 100 traders
	target/release/tiercel demo --rate max --plain --seconds $(or $(LOAD_SECONDS),60)
	TIERCEL_SOAK=1 $(CARGO) test --locked -p tiercel-cli --test it venue_load -- --nocapture

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZ_SECONDS (60)
	$(call tool,cargo-fuzz,$(FUZZ_VERSION))
	cd fuzz && for target in $$(cargo fuzz list); do \
		cargo fuzz run --sanitizer none "$$target" -- \
			-max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=4096; \
	done

.PHONY: mutants
mutants: ## Break the matching crate in every way cargo-mutants knows; 90% must be noticed
	$(call tool,cargo-mutants,$(MUTANTS_VERSION))
	.ci/mutants $(MUTANTS_ARGS)

.PHONY: coverage
coverage: ## Line coverage of the pure crates, at least 90% (needs llvm-tools or Debian's llvm-22)
	$(call tool,cargo-llvm-cov,$(LLVM_COV_VERSION))
	.ci/coverage $(PURE)

.PHONY: clean
clean: ## Delete what was built
	$(CARGO) clean
	rm -rf benches/peers/target fuzz/target
