#!/usr/bin/env bash
# Builds what is missing, writes .env when there is none, deploys. Arguments go to `deployer deploy`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/build-deployer.sh
[[ -e .env ]] || target/release/deployer init
exec target/release/deployer deploy "$@"
