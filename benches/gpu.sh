#!/bin/sh
# Everything that a GPU is asked, in under ten minutes, on a machine that has its driver and
# PyTorch and neither cargo nor network: `cargo xtask bundle-gpu DIR` packs what it needs.
#
#   sh benches/gpu.sh [RESULTS]
#
# GPU_DEVICE    cuda (the default), vulkan, wgpu, with or without a number as in cuda:1
# GPU_QUICK     not empty: tiny budgets, to see that everything runs
# GPU_PATIENCE  times as long for every step, such as 4 for the processor in disguise
# PEERS_VENV    Python's environment with PyTorch; without, the python3 that is found
set -u
cd "$(dirname "$0")/.." || exit 1
device=${GPU_DEVICE:-cuda}
results=${1:-gpu-results}
mkdir -p "$results"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
failed=

# Runs a step for so many seconds at most, and goes on whatever comes of it.
step() {
    name=$1 seconds=$(($2 * ${GPU_PATIENCE:-1}))
    shift 2
    echo "== $name"
    begin=$(date +%s)
    if timeout "$seconds" "$@" > "$results/$name.log" 2>&1; then
        outcome=done
    else
        outcome="FAILED ($?)"
        failed="$failed $name"
        tail -n 5 "$results/$name.log"
    fi
    echo "   $name: $outcome in $(($(date +%s) - begin)) s"
}

if [ -z "${PEERS_VENV:-}" ]; then
    # A folder that looks like an environment, for whatever python3 there is.
    PEERS_VENV=$(cd "$results" && pwd)/python
    mkdir -p "$PEERS_VENV/bin"
    printf '#!/bin/sh\nexec python3 "$@"\n' > "$PEERS_VENV/bin/python"
    chmod +x "$PEERS_VENV/bin/python"
fi
export PEERS_VENV

if command -v nvidia-smi > /dev/null; then
    nvidia-smi > "$results/nvidia-smi.log" 2>&1
fi
step info 60 ./gan-cli info
# The device's line, in which its precisions are; Vulkan's devices are told as wgpu's.
case $device in *:*) numbered=$device ;; *) numbered=$device:0 ;; esac
offered=$(grep -F "$numbered" "$results/info.log" || grep -F "wgpu:${numbered#*:}" "$results/info.log")
if [ -z "$offered" ]; then
    echo "$device: no such device (see $results/info.log)"
    exit 1
fi
for precision in f32 tf32 bf16 f16; do
    case " $offered " in
        *" $precision"[\ \;]*)
            step "gradcheck-$precision" 90 ./gradcheck --device "$device" --precision "$precision"
            ;;
    esac
done
rm -rf "$results/run"
steps=2000
[ -z "${GPU_QUICK:-}" ] || steps=10
step train 60 ./gan-cli train digits --device "$device" --steps "$steps" --out "$results/run"
step bench 300 ./device --device "$device" --results "$results" ${GPU_QUICK:+--quick}
# By itself: other frameworks may take as long as they like, or hang.
step peers 200 ./device --device "$device" --only --peers --results "$results" ${GPU_QUICK:+--quick}

echo
echo "== what was asked"
grep -hE ': (at least|at most|below) .*, (reached|not reached)' "$results/bench.log" "$results/peers.log"
if [ -n "$failed" ]; then
    echo "failed:$failed (logs are in $results)"
    exit 1
fi
