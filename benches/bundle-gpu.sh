#!/bin/sh
# Packs what measures a GPU on a machine without cargo and network into DIR/gan-gpu.tar.xz:
# `gan-cli`, the program of `cargo xtask gradcheck`, that of `cargo xtask bench --device`, the
# presets and the scripts. There, `sh benches/gpu.sh` runs them.
#
#   sh benches/bundle-gpu.sh DIR [RUNTIME]
#
# RUNTIME        cuda (the default), hip, vulkan, metal or wgpu: what the programs link
# BUNDLE_PROFILE cargo's profile in place of release, such as dev for a quick trial
set -eu
[ $# -ge 1 ] || { echo "usage: sh benches/bundle-gpu.sh DIR [RUNTIME]" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
runtime=${2:-cuda}
cd "$(dirname "$0")/.."

# One set of features for all three, so that dependencies are built once.
features=benches/$runtime,gan-cli/$runtime
[ "$runtime" = wgpu ] || features=$features,gan-tests/$runtime
messages=$(cargo build --workspace --profile "${BUNDLE_PROFILE:-release}" --features "$features" \
    --bin gan-cli --example gradcheck --bench report --message-format json)

tree=$folder/gan-gpu
rm -rf "$tree"
mkdir -p "$tree/benches/peers" "$tree/lib"
for name in gan-cli gradcheck report; do
    built=$(printf '%s\n' "$messages" |
        sed -n "/\"name\":\"$name\"/s/.*\"executable\":\"\([^\"]*\)\".*/\1/p" | head -n 1)
    [ -n "$built" ] || { echo "error: cargo has not built $name" >&2; exit 1; }
    cp "$built" "$tree/$name"
    strip "$tree/$name"
done
cp benches/*.sh benches/probe.cu "$tree/benches"
cp benches/peers/*.py "$tree/benches/peers"

# Libraries that not every machine has.
for library in z zstd; do
    file=$(ldd "$tree/report" | sed -n "s/^.*lib$library\\.so\\.[0-9]* => \\([^ ]*\\).*$/\\1/p")
    [ -z "$file" ] || cp -L "$file" "$tree/lib"
done
ldd "$tree/report"

# The programs have LLVM in common, which a window larger than one of them finds again.
tar --create --use-compress-program 'xz --lzma2=preset=1,dict=256MiB' \
    --file "$folder/gan-gpu.tar.xz" --directory "$folder" gan-gpu
rm -rf "$tree"
size=$(stat -c %s "$folder/gan-gpu.tar.xz")
echo "$((size >> 20)) MiB: $folder/gan-gpu.tar.xz"
[ "$size" -lt $((60 << 20)) ] || { echo "error: expected less than 60 MiB" >&2; exit 1; }
echo "there: tar xJf gan-gpu.tar.xz && cd gan-gpu && sh benches/gpu.sh"
