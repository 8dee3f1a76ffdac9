# The verbs of projectmeats-fixes. `make help` lists them. All need root on a Debian 12 or newer
# with a Rust toolchain; what else they need they install once (verb `tools`).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Roots and the stamp of the tools; outside the tree, so that a fresh clone finds them again.
export MEATS_CACHE ?= /var/cache/projectmeats-fixes

PACKAGES := binutils ca-certificates debian-archive-keyring dpkg-dev gcc libc6-dev lintian \
	mandoc mmdebstrap python3 python3-venv strace systemd systemd-container util-linux
CARGO_DEB := 3.8.0
STAMP := $(MEATS_CACHE)/tools-$(shell echo $(PACKAGES) $(CARGO_DEB) | cksum | cut -d ' ' -f 1)

# Run by root before the service, or by systemd itself: static, so that no library can be slipped
# under them by the env file (LD_PRELOAD).
STATIC := projectmeats-generator pre-start capture-failure
DYNAMIC := meats-diagnose meats-env meats-deploy

.PHONY: help
help:
	@echo 'make demo        the whole road on one booted Debian: broken, healed, rebooted, purged'
	@echo '                 (KEEP=1 leaves a shell into it)'
	@echo 'make test        everything: test-quick, the package, lintian, booted roots'
	@echo 'make test-matrix the booted tests of several releases, on all of them'
	@echo 'make test-quick  format, clippy, unit, golden, architecture, docs'
	@echo 'make deb         the package, in target/debian'
	@echo 'make lint        format and clippy; BLESS=1-free, changes nothing'
	@echo 'make fuzz        mutated env files for TIME=60 seconds; findings in fuzz/findings'
	@echo 'make bless       rewrites what is generated or recorded: goldens, man blocks, completions'
	@echo 'make shell       a shell in a booted root; HOST=broken, fresh or healed'
	@echo 'make clean       removes target; make clean-roots the cached roots'

# --- prerequisites -------------------------------------------------------------------------------

.PHONY: tools
tools: $(STAMP)

$(STAMP):
	@[ "$$(id -u)" = 0 ] || { echo 'make: needs root, to install packages and boot roots' >&2; exit 1; }
	mkdir -p $(MEATS_CACHE)
	if ! dpkg-query -W -f '$${Status}\n' $(PACKAGES) 2>/dev/null | grep -c '^install ok installed' \
	    | grep -qx $(words $(PACKAGES)); then \
	    apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $(PACKAGES); \
	fi
	if [ "$$(cargo deb --version 2>/dev/null)" != $(CARGO_DEB) ]; then \
	    cargo install cargo-deb --quiet --locked --version $(CARGO_DEB); \
	fi
	touch $@

# --- the package ---------------------------------------------------------------------------------

# Symbols are kept until the check below has read them; cargo-deb strips what it packs.
deb: export CARGO_PROFILE_RELEASE_STRIP = false
# Every date in the package is that of the changelog's last entry.
deb: export SOURCE_DATE_EPOCH = $(shell dpkg-parsechangelog -STimestamp 2>/dev/null)

.PHONY: deb
deb: tools
	cargo build --release --locked $(DYNAMIC:%=--bin %)
	for name in $(STATIC); do \
	    cargo rustc --release --locked --bin $$name -- -C target-feature=+crt-static; \
	done
	$(foreach name,$(STATIC),$(call check_static,target/release/$(name)))
	rm -f target/debian/projectmeats-fixes_*.deb
	cargo deb --no-build --strip --locked --quiet
	$(call finish_deb,$(wildcard target/debian/projectmeats-fixes_*.deb))
	@ls -l target/debian/projectmeats-fixes_*.deb

# A plain `cargo build` puts the dynamic file back without a word. A static program that asks the
# name service crashes where nsswitch.conf names a module and the user is missing, which is the
# very case that pre-start is there for.
define check_static
	@if readelf -l $(1) | grep INTERP >/dev/null; then echo '$(1) is not static' >&2; exit 1; fi
	@if nm $(1) | grep -E ' [TW] (getpw|getgr(nam|gid|ent)|getaddrinfo|initgroups)'; then \
	    echo '$(1) asks the name service' >&2; exit 1; fi
	@if ! nm $(1) | grep ' T main$$' >/dev/null; then echo '$(1) has no symbols to check' >&2; exit 1; fi

endef

# cargo-deb writes no md5sums file; Debian's tools expect one.
define finish_deb
	@deb=$$(ls target/debian/projectmeats-fixes_*.deb); tree=$$(mktemp -d); \
	trap 'rm -rf "$$tree"' EXIT; \
	dpkg-deb -R "$$deb" "$$tree/x"; \
	( cd "$$tree/x"; find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z \
	    | xargs -0 md5sum >DEBIAN/md5sums ); \
	dpkg-deb --root-owner-group -Zxz --build "$$tree/x" "$$deb" >/dev/null
endef

# --- tests ---------------------------------------------------------------------------------------

.PHONY: lint
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: test-quick
test-quick: tools lint
	cargo test --locked

.PHONY: test
test: test-quick deb
	lintian --fail-on error,warning --tag-display-limit 0 target/debian/projectmeats-fixes_*.deb
	RUST_BACKTRACE=0 cargo test --locked -p host -- --test-threads=2
	RUST_BACKTRACE=0 cargo test --locked -p attack -- --test-threads=3

.PHONY: fuzz
TIME ?= 60
fuzz:
	cargo run --quiet --locked --profile fuzz -p fuzz -- $(TIME)

# The booted tests that run on several releases, on all of them; `make test` takes the oldest and
# the newest.
.PHONY: test-matrix
test-matrix: deb
	MEATS_SUITES=all RUST_BACKTRACE=0 cargo test --locked -p host --test suites \
	    --test unit_quoting --test unit_settings -- --test-threads=2

.PHONY: bless
bless:
	BLESS=1 cargo test --locked

.PHONY: demo
demo:
	@begin=$$(date +%s); \
	echo 'the package is being built; the first time this takes some minutes'; \
	$(MAKE) --no-print-directory deb; \
	MEATS_DEMO_BEGIN=$$begin RUST_BACKTRACE=0 cargo run --quiet --locked -p host --bin demo

.PHONY: shell
shell: tools
	cargo run --quiet --locked -p host --bin shell

.PHONY: clean clean-roots
clean:
	cargo clean

clean-roots:
	rm -rf $(MEATS_CACHE)/roots $(MEATS_CACHE)/work
