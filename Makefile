# The commands of this project. `make run` starts it, `make test` is what a change must pass.
# Lists of checks and tests stand in xtask (Rust), once; this file only names them.

TARGET := $(or $(CARGO_TARGET_DIR),target)
PAGE_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/package-lock.json -type f 2>/dev/null)
N ?= 20

.PHONY: run build setup check test dev bench killtest tools

# Builds the page and the server and starts both demonstration devices. Needs no root, writes only into this folder.
run: build
	$(TARGET)/release/sensorium serve --demo

build: ui/dist/index.html
	cargo build --release -p server

# What the tests need beside Cargo and Node; Debian packages only as root, all else into .tools.
setup: tools
	cargo xtask setup

# Format, lints, house rules, generated files, licences, the page's own checks.
check: setup ui/node_modules/.package-lock.json
	cargo xtask check

# Set-up, checks and every test, with a sum of all runners in the last line.
test: tools ui/node_modules/.package-lock.json
	cargo xtask test

# The debug server and the page's own server with hot reload; Ctrl+C ends both.
dev: ui/node_modules/.package-lock.json tools
	cargo build -p server
	$(TARGET)/debug/sensorium serve --demo & server=$$!; trap 'kill $$server' EXIT INT TERM; cd ui && npm run dev

bench: build
	cargo run --release -p bench

# Kills the server N times in the middle of a flood and reads back every acknowledged reading.
killtest: build
	cargo build --release -p simulator
	$(TARGET)/release/sensorium-sim ledger --rounds $(N)

ui/node_modules/.package-lock.json: ui/package-lock.json | tools
	cd ui && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

ui/dist/index.html: ui/node_modules/.package-lock.json $(PAGE_SOURCES) | tools
	cd ui && npm run -s build
	@touch $@

# Names everything that is missing in one line, each with the command that brings it.
tools:
	@missing=; need() { missing="$$missing$${missing:+; }$$1"; }; \
	cargo --version >/dev/null 2>&1 || need "cargo (curl --proto '=https' -sSf https://sh.rustup.rs | sh)"; \
	cc --version >/dev/null 2>&1 || need "cc (as root: apt-get install -y gcc libc6-dev)"; \
	node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		2>/dev/null || need "node 20.19 or newer (nvm install 22, or https://nodejs.org/en/download)"; \
	npm --version >/dev/null 2>&1 || need "npm (it comes with node; on Debian as root: apt-get install -y npm)"; \
	[ -z "$$missing" ] || { echo "Missing: $$missing." >&2; exit 1; }
