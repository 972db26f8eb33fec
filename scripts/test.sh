#!/usr/bin/env bash
# Everything that a fresh machine can run: format, lints, documentation, unit, command-line and engine tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

say "static binaries"
scripts/build-deployer.sh
scripts/build-store.sh
cargo rustc --quiet --release --locked -p fixture -- -C target-feature=+crt-static

say "format and lints"
cargo fmt --all --check
cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --locked
if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run; else echo "shellcheck is not installed: left out" >&2; fi
if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "cargo-deny is not installed: left out" >&2; fi

# One test program after the other: some measure how long an answer takes. Engine tests mostly wait, so several at a time.
say "tests"
RUST_TEST_THREADS=6 cargo test --quiet --workspace --locked --no-fail-fast
