#!/usr/bin/env bash
# Says whether the stack is healthy: exit code 0 or 12, or why it could not be asked. Arguments go to `deployer health`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ -x target/release/deployer ]] || scripts/build-deployer.sh
exec target/release/deployer health "$@"
