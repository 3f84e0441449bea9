# Every target says what it does after `##`; `make help` prints those lines.

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SKIPS := $(TARGET_DIR)/tmp/skipped

.DEFAULT_GOAL := help
.PHONY: help build test test-quick test-kms kill9 soak soak-promised loading bound fuzz miri fmt lint bench bench-hostile bench-peers bench-kafka bench-delivery bench-scaling demo

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the release binary: target/release/privet
	$(CARGO) build --release --locked

test: ## Run every test, also against Apache Kafka (needs Java 17 and Maven, else those are named as skipped)
	@rm -rf "$(SKIPS)"
	@$(CARGO) test --locked --no-fail-fast; status=$$?; \
	$(MAKE) --no-print-directory fuzz ITERATIONS=20000 || status=1; \
	if [ -d "$(SKIPS)" ]; then \
	  printf 'NOT RUN, skipped: '; cat "$(SKIPS)"/* | sort | uniq -c | sed 's/^ *//; s/ / x /' | paste -sd ';'; \
	else echo 'Nothing was skipped.'; fi; \
	exit $$status

test-quick: ## Run what needs neither Kafka nor a long time: unit tests and the house rules
	$(CARGO) test --locked --lib --test architecture

MOTO := $(TARGET_DIR)/tmp/moto

test-kms: ## Keys in AWS KMS, against moto's server in a venv of its own (builds the AWS SDK: minutes)
	@test -x "$(MOTO)/bin/moto_server" || { python3 -m venv "$(MOTO)" && "$(MOTO)/bin/pip" install --quiet 'moto[server]'; }
	PRIVET_MOTO="$(abspath $(MOTO))/bin/moto_server" $(CARGO) test --locked --features aws-kms --test aws_kms

kill9: ## 200,000 events through real Kafka with a kill -9 at a random moment, five times
	PRIVET_KILL9_EVENTS=200000 PRIVET_KILL9_ROUNDS=5 $(CARGO) test --locked --release --test kafka kill_nine -- --nocapture

SOAK = $(CARGO) test --locked --release --test faults soak -- --ignored --nocapture

soak: ## Every fault that can be made: make soak [MINUTES=60] [ONLY=a,b or -a,-b] [TIMES=20] [LENGTH=5] [FROM=seed]
	PRIVET_FAULTS_ONLY=$(ONLY) PRIVET_FAULTS_TIMES=$(TIMES) PRIVET_FAULTS_LENGTH=$(LENGTH) PRIVET_FAULTS_SEED=$(FROM) \
	PRIVET_FAULTS_MINUTES=$(or $(MINUTES),$(if $(TIMES),,60)) $(SOAK)

soak-promised: ## What docs/delivery.md promises: 100 kill -9 in a row, ten minutes of churn, each other scenario 20 times (two hours)
	$(MAKE) --no-print-directory soak ONLY=kill_nine_loop TIMES=1 LENGTH=25
	$(MAKE) --no-print-directory soak ONLY=members_come_and_go TIMES=1 LENGTH=67
	$(MAKE) --no-print-directory soak ONLY=-kill_nine_loop,-members_come_and_go TIMES=20

LEDGER_RECORDS ?= 5000000

loading: ## A ledger of five million records read from real Kafka while its topic changes, and how fast it is read
	PRIVET_LOADING_RECORDS=$(LEDGER_RECORDS) $(CARGO) test --locked --release --test kafka partitions_that_are_added_while -- --nocapture
	PRIVET_LEDGER_RECORDS=$(LEDGER_RECORDS) $(CARGO) test --locked --release --test kafka how_fast -- --ignored --nocapture

bound: ## How long withdrawals take, as the process says and as a reader of a sink sees, at a thousand a second (needs a quiet machine)
	$(CARGO) test --locked --release --test kafka agrees_with -- --ignored --nocapture

ITERATIONS ?= 1000000
SEED ?= 1

fuzz: ## Properties on invented input: make fuzz ITERATIONS=1000000 SEED=1
	$(CARGO) run --quiet --manifest-path fuzz/Cargo.toml --target-dir $(TARGET_DIR) --bin privet-fuzz -- --iterations $(ITERATIONS) --seed $(SEED)

miri: ## The scanner's structure, portable and AVX2, under Miri (needs nightly with the components miri and rust-src; ten minutes)
	RUSTFLAGS='-C target-feature=+avx2,+bmi1,+popcnt,+pclmulqdq' PROPTEST_CASES=4 \
	MIRIFLAGS='-Zmiri-disable-isolation -Zmiri-env-forward=PROPTEST_CASES' $(CARGO) +nightly miri test --locked --lib decode::json::structure

fmt: ## Format the sources
	$(CARGO) fmt

lint: ## Formatting, clippy without a warning, and cargo-deny where it is installed
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; else echo 'NOT RUN: cargo-deny is not installed (cargo install cargo-deny)'; fi

bench: ## The engine on this machine, beside a serde_json tree that does the same; consent strings beside one HMAC
	$(CARGO) bench --locked --bench engine --bench consent

bench-hostile: ## Nanoseconds a byte of records and texts made to be slow, and what more sinks and rules cost
	$(CARGO) bench --locked --bench hostile

bench-peers: ## The engine beside serde_json, sonic-rs and VRL, in one run (builds VRL: a quarter of an hour)
	$(CARGO) run --release --manifest-path benches/peers/Cargo.toml
	@pii=$${PRIVET_CONFORMANCE:-../shared/conformance}/pii; if ! command -v python3 >/dev/null; then echo 'Presidio skipped: no python3'; \
	elif [ ! -f $$pii/score_pii.py ]; then echo "Presidio skipped: no scorer in $$pii"; \
	else python3 benches/peers/presidio.py $$pii/score_pii.py $$pii/corpus.jsonl tests/detect_holdout/*.jsonl; fi

bench-kafka: ## Events a second through `privet run` against a bare copy loop, on the same Kafka
	$(CARGO) bench --locked --bench kafka

bench-delivery: ## How long commits take on a quiet stream, and what exactly once costs beside at least once
	PRIVET_BENCH=commits PRIVET_BENCH_EVENTS=1000 $(CARGO) bench --locked --bench kafka
	PRIVET_BENCH=guarantees $(CARGO) bench --locked --bench kafka

bench-scaling: ## Throughput by workers, partitions, sinks and commit interval; draws the pictures of docs/scaling.md
	mkdir -p docs/pictures
	PRIVET_BENCH=scaling PRIVET_BENCH_PICTURES="$(CURDIR)/docs/pictures" $(CARGO) bench --locked --bench kafka

demo: ## The whole thing on this machine, nothing installed
	$(CARGO) run --release --locked -- demo
