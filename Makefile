# Huan: build, test, check. `make` lists the targets. Nothing is skipped for a missing tool: it is installed, or named.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

target := $(abspath $(or $(CARGO_TARGET_DIR),target))
tools := $(target)/tools
ready := $(tools)/.ready
# In CI the lock file must be complete as committed.
locked := $(if $(CI),--locked)
export PATH := $(tools)/bin:$(PATH)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Build in release, run the whole loop once and leave the suite serving (ARGS="--once" ends it)
	.ci/need cargo
	cargo build $(locked) --release -p huan
	$(target)/release/huan demo $(ARGS)

.PHONY: test
test: $(ready) ## Run all tests, on SQLite and on a PostgreSQL that the tests start
	.ci/need cargo postgres
	cargo test $(locked) --workspace --doc --quiet
	cargo nextest run $(locked) --workspace --config-file .ci/nextest.toml $(ARGS)

.PHONY: check
check: check-format check-proto check-lint check-docs check-deps ## Everything that reads the code without running it

.PHONY: check-format
check-format: ## rustfmt
	.ci/need cargo rustfmt
	cargo fmt --all --check

.PHONY: check-proto
check-proto: $(ready) ## The contracts: lint and format
	cd proto && buf lint
	cd proto && buf format --diff --exit-code

.PHONY: check-lint
check-lint: ## clippy, warnings denied
	.ci/need cargo clippy
	cargo clippy $(locked) --workspace --all-targets -- -D warnings

.PHONY: check-docs
check-docs: ## rustdoc, warnings denied
	.ci/need cargo
	RUSTDOCFLAGS="-D warnings" cargo doc $(locked) --no-deps --workspace

.PHONY: check-deps
check-deps: $(ready) ## Bans, licences and sources of what we depend on; nothing depended on in vain
	.ci/need cargo
	cargo deny $(locked) --log-level error check --hide-inclusion-graph bans licenses sources
	cargo shear $(locked)

.PHONY: audit
audit: $(ready) ## Known vulnerabilities in what we depend on and in which versions twice (needs the network)
	.ci/need cargo
	cargo deny $(locked) check --hide-inclusion-graph advisories bans

.PHONY: bench
bench: ## Run the benches in release (ARGS="NAME --json FILE")
	.ci/need cargo
	cargo run $(locked) --release -p huan -- bench $(ARGS)

.PHONY: fmt
fmt: $(ready) ## Format the code and the contracts
	.ci/need cargo rustfmt
	cargo fmt --all
	cd proto && buf format --write

.PHONY: tools
tools: $(ready) ## Install the pinned tools into target/tools

$(ready): .ci/requirements.txt .ci/kubectl.txt .ci/tools
	.ci/tools $(tools)
	@touch $@

.PHONY: clean
clean: ## Remove all that was built or installed here
	.ci/need cargo
	cargo clean
	rm -rf $(target)/tools
