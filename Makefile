# `make run` and `make test` are all a newcomer needs; the rest are parts of them.

# A Rust that `make setup` has just installed is not on the path of this shell yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

STATE ?= .state
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run test setup setup-test web lint features unit model fuzz api interop browser testkit deny bench

help:
	@echo 'make run      build, start a development server with a page and a bot that plays, print what to try'
	@echo 'make test     everything that must hold, real client libraries included'
	@echo 'make web      the page: build it, check its types, tests and size'
	@echo 'make lint     formatting, clippy, documentation, licences of dependencies'
	@echo 'make unit     the tests of the crates'
	@echo 'make model    the control plane against a plain model, thousands of random sequences'
	@echo 'make browser  the page, called by Chromium and Firefox'
	@echo 'make api      REST against its own OpenAPI document, by schemathesis'
	@echo 'make deny     licences and advisories of dependencies, by cargo-deny'
	@echo 'make bench    the benchmarks (release build)'
	@echo 'make setup    install what is missing to build'

# Firefox sends nothing to loopback: it needs another address, where the machine has one.
run: setup
	@scripts/web build
	cargo build --bin voxhall
	exec $(TARGET)/debug/voxhall serve --dev --demo --media-address 127.0.0.1 --media-address auto --state $(STATE)

# One order for people and CI: what fails fastest comes first, and each step reuses what the one before has built.
# What is built from nothing gains nothing from incremental compilation, which takes more room than all the rest.
test: export CARGO_INCREMENTAL = 0
test: setup-test web lint features unit model fuzz api interop testkit browser

setup:
	@scripts/setup build

# Before anything in Rust: it takes seconds, and the program takes the page in when it is built.
web:
	@scripts/web check

setup-test:
	@scripts/setup test

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	@scripts/licences
	@scripts/answers

# Each crate without features and with each of its features alone.
features:
	@scripts/features

# `--all-targets` builds the program as well, with the same settings: interop runs that very file.
unit:
	cargo build --workspace --all-targets
	cargo test --workspace --doc --quiet
	@if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace; \
	else \
	  cargo test --workspace --all-targets; \
	fi

# `unit` tries a few seeds; a failure prints the shortest sequence that shows it, and how to run it again. Of the whole
# workspace, because of one package alone it would be built once more, with other features.
model:
	VOXHALL_SEEDS=$(or $(VOXHALL_SEEDS),2000) cargo test --workspace --test model

fuzz:
	@fuzz/smoke

# With all targets, as the tests are built: features are resolved for all of them, and nothing is compiled twice.
api:
	cargo build --quiet --workspace --all-targets
	@interop/schemathesis/run

interop:
	@interop/run

browser:
	@interop/browser/run

testkit:
	@testkit/run

# Advisories too, for who has cargo-deny: `cargo install cargo-deny --locked`. Building it takes as long as building
# Voxhall, and it fetches its database, so it is no part of `make test`; licences are, by scripts/licences.
deny:
	cargo deny check

bench:
	cargo build --release --bin voxhall
	@scripts/bench
