#!/usr/bin/env bash
# Brings the release before the live one back. Arguments go to `deployer rollback`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ -x target/release/deployer ]] || scripts/build-deployer.sh
exec target/release/deployer rollback "$@"
