#!/usr/bin/env bash
# Puts Garage, the object store for machines that reach no registry, at target/store/garage.
# It is built once per machine and kept by version in the user's cache; a second build waits for the first.
set -euo pipefail

version=2.5.0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/deployer/garage-$version
binary=$kept/bin/garage
wanted=$root/target/store/garage

build() {
    local host flags scratch
    host=$(rustc -vV | sed -n 's/^host: //p')
    # The flags go to that target alone: build scripts and macros of the host cannot be linked statically.
    flags=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$host")_RUSTFLAGS
    scratch=$kept/building
    echo "Building Garage $version, the object store: once per machine, about 8 minutes on 2 cores" >&2
    env "$flags=-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_STRIP=symbols \
        cargo install garage --locked --version "$version" --no-default-features \
        --features bundled-libs,sqlite --target "$host" --root "$scratch" --target-dir "$scratch/target"
    mkdir -p "$kept/bin"
    mv -f "$scratch/bin/garage" "$binary"
    rm -rf "$scratch"
}

mkdir -p "$kept" "$(dirname "$wanted")"
if [[ ! -x $binary ]]; then
    exec 9>"$kept/lock"
    flock --nonblock 9 || { echo "Waiting for another build of Garage $version" >&2; flock 9; }
    [[ -x $binary ]] || build
fi
if ! [[ $wanted -ef $binary ]]; then
    ln -f "$binary" "$wanted" 2>/dev/null || cmp -s "$binary" "$wanted" || cp -f "$binary" "$wanted"
fi
