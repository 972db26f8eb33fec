#!/usr/bin/env bash
# Builds target/release/deployer, one static binary, unless it is up to date. Without cargo, what is there is used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if command -v cargo >/dev/null; then
  [[ -x target/release/deployer ]] || echo "building the deployer: once, about 6 minutes on 2 cores" >&2
  cargo rustc --quiet --release --locked -p deployer --bin deployer -- -C target-feature=+crt-static
elif [[ ! -x target/release/deployer ]]; then
  echo "error: neither cargo nor target/release/deployer is here" >&2
  echo "hint: install Rust (see DEPLOYMENT.md), or put a deployer binary there" >&2
  exit 3
fi
