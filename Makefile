# The commands of this project. `make run` starts it, `make test` is what a change must pass.
# Lists of checks and tests stand in xtask (Rust), once; this file only names them.

TARGET := $(or $(CARGO_TARGET_DIR),target)
# What `ui-assets` leaves behind when it installs the page's packages, so that nobody installs them twice.
PACKAGES := ui/node_modules/.installed-from
N ?= 20

.PHONY: run build setup check test dev bench killtest powercut drill cassandra cassandra41 fuzz tools

# Builds the page and the server and starts both demonstration devices. Needs no root, writes only into this folder.
run: build
	$(TARGET)/release/sensorium serve --demo

# The build script of `ui-assets` builds the page where it is older than its sources.
build: tools
	UI_BUILD=required cargo build --release -p server

# What the tests need beside Cargo and Node; Debian packages only as root, all else into .tools.
setup: tools
	cargo xtask setup

# Format, lints, house rules, generated files, licences, the page's own checks.
check: setup $(PACKAGES)
	cargo xtask check

# Set-up, checks and every test, with a sum of all runners in the last line.
test: tools $(PACKAGES)
	cargo xtask test

# The debug server, and in front of it the page's own server with hot reload, which expects it at port 8080; Ctrl+C ends both.
dev: $(PACKAGES) tools
	UI_BUILD=off cargo build -p server
	$(TARGET)/debug/sensorium serve --demo --http 127.0.0.1:8080 & server=$$!; trap 'kill $$server' EXIT INT TERM; cd ui && npm run dev

# Measures the release build on this machine and prints tables.
bench: build
	cargo run --release -p bench

# Kills the server N times in the middle of a flood and ten times each while it recovers, and reads back every acknowledged reading.
killtest: build
	cargo build --release -p simulator
	$(TARGET)/release/sensorium-sim ledger --rounds $(N) --kills-at-start 10
	cargo test -q -p store-embedded --test kills -- --ignored --exact many_kills_during_flush_merging_expiry_and_recovery_change_nothing

# Cuts the power of the server's disk N times in a kernel in user space, then shows that without syncs data is lost.
powercut: build setup
	cargo build --release -p simulator
	cargo xtask powercut $(N)

# Kills and freezes each of three Cassandra nodes under load, R rounds, and all of them at once; nothing acknowledged may be missing.
R ?= 2
drill: build setup
	SENSORIUM_BIN=$(abspath $(TARGET))/release/sensorium SENSORIUM_DRILL_ROUNDS=$(R) \
		cargo test -p stories -- --ignored --exact cassandra_drills::many_drills_with_every_node --nocapture

# A Cassandra to try the store with, until Ctrl+C; it says what to write after --store.
cassandra: setup
	cargo xtask cassandra

# The tests of the store against Cassandra 4.1 in place of 5.0; its jars are fetched by this command alone.
cassandra41: setup
	cargo xtask cassandra41

# Searches for bytes that the decoders cannot bear, S seconds long, led by the paths that each input takes. What is found is kept.
S ?= 60
fuzz: tools
	mkdir -p $(TARGET)/fuzz/corpus
	cd crates/decode/fuzz && cargo run --release --target $$(rustc -vV | sed -n 's/^host: //p') -- -max_total_time=$(S) -timeout=5 \
		-artifact_prefix=$(abspath $(TARGET))/fuzz/ $(abspath $(TARGET))/fuzz/corpus corpus/decode

$(PACKAGES): ui/package-lock.json | tools
	cd ui && npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json node_modules/.installed-from

# Names everything that is missing in one line, each with the command that brings it.
tools:
	@missing=; need() { missing="$$missing$${missing:+; }$$1"; }; \
	cargo --version >/dev/null 2>&1 || need "cargo (curl --proto '=https' -sSf https://sh.rustup.rs | sh)"; \
	cc --version >/dev/null 2>&1 || need "cc (as root: apt-get install -y gcc libc6-dev)"; \
	node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		2>/dev/null || need "node 20.19 or newer (nvm install 22, or https://nodejs.org/en/download)"; \
	npm --version >/dev/null 2>&1 || need "npm (it comes with node; on Debian as root: apt-get install -y npm)"; \
	[ -z "$$missing" ] || { echo "Missing: $$missing." >&2; exit 1; }
