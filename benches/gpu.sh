#!/bin/sh
# Everything that a GPU is asked, in ten minutes at most, on a machine that has its driver and
# PyTorch and neither cargo nor network: `sh benches/bundle-gpu.sh DIR` packs what it needs.
# What matters most comes first; what the ten minutes do not reach is named at the end.
#
#   sh benches/gpu.sh [RESULTS]
#
# GPU_DEVICE    cuda (the default), vulkan, wgpu, with or without a number as in cuda:1
# GPU_BUDGET    seconds for everything together, in place of 600
# GPU_QUICK     not empty: tiny budgets, to see that everything runs
# GPU_PATIENCE  times as long for every step, such as 4 for an emulated device
# PEERS_VENV    Python's environment with PyTorch; without, the python3 that is found
set -u
cd "$(dirname "$0")/.." || exit 1
start=$(date +%s)
device=${GPU_DEVICE:-cuda}
budget=${GPU_BUDGET:-600}
quick=${GPU_QUICK:+--quick}
results=${1:-gpu-results}
mkdir -p "$results"
# Of an earlier run, which would be taken for this one's.
rm -rf "$results"/*.json "$results"/*.log "$results/run"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
failed= cut=

# Seconds that a step of so many may take: of what is left, the last five are for the end.
allowed() {
    seconds=$(($1 * ${GPU_PATIENCE:-1})) left=$((budget - 5 - $(date +%s) + start))
    [ "$seconds" -lt "$left" ] || seconds=$left
    echo "$seconds"
}

# Runs a step for so many seconds at most, and goes on whatever comes of it.
step() {
    name=$1 seconds=$(allowed "$2")
    shift 2
    if [ "$seconds" -lt 3 ]; then
        echo "== $name: no time left"
        cut="$cut $name"
        return
    fi
    begin=$(date +%s)
    timeout -k 2 "$seconds" "$@" > "$results/$name.log" 2>&1
    code=$?
    case $code in
        0) outcome=done ;;
        124 | 137) outcome="CUT" cut="$cut $name" ;;
        *) outcome="FAILED ($code)" failed="$failed $name" ;;
    esac
    echo "== $name: $outcome in $(($(date +%s) - begin)) s"
    [ "$code" = 0 ] || tail -n 5 "$results/$name.log"
}

# A step of the program that measures.
measure() {
    name=$1 seconds=$2
    shift 2
    # The word splits into none or one.
    # shellcheck disable=SC2086
    step "$name" "$seconds" ./report --device "$device" --results "$results" $quick "$@"
}

# The products of an iteration in a precision, beside other libraries; it stops by itself as well.
products() {
    measure "products-$1" 80 --part products --precision "$1" --seconds $(($(allowed 80) * 8 / 10))
}

# Whether the device has the precision.
offers() {
    case " $offered " in *" $1"[\ \;,]*) return 0 ;; esac
    return 1
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
    timeout 10 nvidia-smi > "$results/nvidia-smi.log" 2>&1
fi
step info 30 ./gan-cli info
# The device's line, in which its precisions are; Vulkan's devices are told as wgpu's.
case $device in *:*) numbered=$device ;; *) numbered=$device:0 ;; esac
offered=$(grep -F "$numbered" "$results/info.log" || grep -F "wgpu:${numbered#*:}" "$results/info.log")
if [ -z "$offered" ]; then
    echo "$device: no such device (see $results/info.log)"
    exit 1
fi
for precision in tf32 tf32x3 f32; do
    ! offers $precision || measure "mnist-$precision" 40 --part mnist --precision $precision
done
for precision in f32 tf32x3 tf32; do
    ! offers $precision || step "gradcheck-$precision" 80 ./gradcheck --device "$device" --precision $precision
done
# Others have nothing between tf32 and f32, and are asked once.
exact=f32
! offers tf32x3 || exact=tf32x3
for precision in tf32 $exact; do
    # It stops by itself before the limit, so that what was measured is kept.
    ! offers $precision || measure "peers-$precision" 140 --only --peers --precision $precision \
        --seconds $(($(allowed 140) * 9 / 10))
done
# Together with what other libraries reach.
measure limits 90 --part limits
measure cifar10-fc 60 --part cifar10-fc
measure parzen 60 --part parzen
measure large 60 --part large
measure facts 40 --part facts
steps=2000
[ -z "$quick" ] || steps=10
step train 60 ./gan-cli train digits --device "$device" --steps "$steps" --out "$results/run"
for precision in tf32 $exact; do
    ! offers $precision || products $precision
done
for precision in bf16 f16; do
    ! offers $precision || measure "mnist-$precision" 40 --part mnist --precision $precision
    ! offers $precision || step "gradcheck-$precision" 80 ./gradcheck --device "$device" --precision $precision
    ! offers $precision || products $precision
done
measure operations 120 --part operations
measure records 60 --part records

echo
echo "== targets, after $(($(date +%s) - start)) s"
./report --targets --results "$results"
[ -z "$cut" ] || echo "cut, of ${budget} s:$cut"
if [ -n "$failed" ]; then
    echo "failed:$failed (logs are in $results)"
    exit 1
fi
