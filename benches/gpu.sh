#!/bin/sh
# Everything that a GPU is asked, within ten minutes, on a machine that has its driver, PyTorch and
# nvcc but neither cargo nor network: `sh benches/bundle-gpu.sh DIR` packs what it needs.
#
#   sh benches/gpu.sh RESULTS [STEP]...
#
# What matters most comes first. A step writes what it has as soon as it has it, and after each
# RESULTS/gpu-results.tar.gz is made anew, so that a kill loses the step in flight alone.
#
# STEP          these steps alone, of those that stand at the end of this file
# GPU_DEVICE    cuda (the default), vulkan, wgpu, with or without a number as in cuda:1
# GPU_BUDGET    seconds for everything together, in place of 600
# GPU_QUICK     not empty: tiny budgets, to see that everything runs
# GPU_PATIENCE  times as long for every step, such as 4 for an emulated device
# GPU_MNIST     folder with MNIST; without, whole runs are of the built-in digits
# PEERS_VENV    Python's environment with PyTorch; without, the python3 that is found
set -u
[ $# -ge 1 ] || { echo "usage: sh benches/gpu.sh RESULTS [STEP]..." >&2; exit 2; }
mkdir -p "$1"
kept=$(cd "$1" && pwd)
shift
wanted=" $* "
cd "$(dirname "$0")/.." || exit 1
start=$(date +%s)
device=${GPU_DEVICE:-cuda}
budget=${GPU_BUDGET:-600}
patience=${GPU_PATIENCE:-1}
quick=${GPU_QUICK:+--quick}
work=$(mktemp -d)
results=$work/gpu-results
mkdir "$results"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$work}" PYTHONUNBUFFERED=1
# Where CUDA is asked, nobody waits for other drivers.
case $device in cuda*) export VK_DRIVER_FILES=/nonexistent ;; esac
# Libraries that the machine lacks came along.
if ldd ./report | grep -q 'not found'; then
    export LD_LIBRARY_PATH="$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
if [ -z "${PEERS_VENV:-}" ]; then
    # A folder that looks like an environment, for whatever python3 there is.
    export PEERS_VENV="$work/python"
    mkdir -p "$PEERS_VENV/bin"
    printf '#!/bin/sh\nexec python3 "$@"\n' > "$PEERS_VENV/bin/python"
    chmod +x "$PEERS_VENV/bin/python"
fi
failed= cut= name=

# Whether a step is asked for; its name is `name` from here on.
asks() {
    name=$1
    case $wanted in "  " | *" $1 "*) return 0 ;; esac
    return 1
}

# Seconds that a step of so many may take: of what is left, the last five are for the end.
allowed() {
    seconds=$(($1 * patience)) left=$((budget - 5 - $(date +%s) + start))
    [ "$seconds" -lt "$left" ] || seconds=$left
    echo "$seconds"
}

# Makes the archive anew.
keep() {
    rm -rf "$results/peers"
    [ ! -d target/peers/logs ] || cp -r target/peers/logs "$results/peers"
    tar czf "$work/new.tar.gz" -C "$work" gpu-results &&
        cp "$work/new.tar.gz" "$kept/new.tmp" &&
        mv "$kept/new.tmp" "$kept/gpu-results.tar.gz"
}

# Says how a step of this exit status went.
tell() {
    case $2 in
        0) outcome=done ;;
        124 | 137) outcome=CUT cut="$cut $1" ;;
        *) outcome="FAILED ($2)" failed="$failed $1" ;;
    esac
    echo "== $1: $outcome, $(($(date +%s) - start)) s since the start"
    [ "$2" = 0 ] || tail -n 5 "$results/$1.log"
}

# Runs a step, if it is asked for, for so many seconds at most; and goes on whatever comes of it.
step() {
    asks "$1" || return 0
    seconds=$(allowed "$2")
    shift 2
    if [ "$seconds" -lt 3 ]; then
        echo "== $name: no time left"
        cut="$cut $name"
        return 0
    fi
    timeout -k 2 "$seconds" "$@" > "$results/$name.log" 2>&1
    code=$?
    tell "$name" $code
    keep
    return $code
}

# A step of the program that measures.
measure() {
    name=$1 seconds=$2
    shift 2
    # The word splits into none or one.
    # shellcheck disable=SC2086
    step "$name" "$seconds" ./report --device "$device" --results "$results" $quick "$@"
}

# Beside a step: runs it while others run, see `together`.
beside() {
    name=$1 seconds=$(allowed "$2")
    shift 2
    (
        timeout -k 2 "$seconds" "$@" > "$results/$name.log" 2>&1
        echo $? > "$work/$name.code"
    ) &
    started="$started $name"
}

# Waits for what runs beside.
together() {
    wait
    for it in $started; do
        tell "$it" "$(cat "$work/$it.code")"
    done
    keep
}

# Whether the device has the precision.
offers() {
    case " $offered " in *" $1"[\ \;,]*) return 0 ;; esac
    return 1
}

machine() {
    uname -a
    nproc
    ldd ./report
    ldconfig -p | grep -E 'libcuda|libvulkan|libEGL|libstdc'
    command -v nvidia-smi ncu nvcc ptxas compute-sanitizer python3
    [ ! -e /dev/nvidia0 ] || nvidia-smi
}

machine > "$results/machine.log" 2>&1
if command -v nvcc > /dev/null; then
    nvcc -O3 -std=c++17 -gencode arch=compute_90a,code=sm_90a -cudart static \
        -o "$work/probe" benches/probe.cu > "$results/nvcc.log" 2>&1 &
    compiles=$!
fi
./gan-cli info > "$results/info.log" 2>&1
cat "$results/info.log"
# The device's line, in which its precisions are; Vulkan's devices are told as wgpu's.
case $device in *:*) numbered=$device ;; *) numbered=$device:0 ;; esac
offered=$(grep -F "$numbered" "$results/info.log" || grep -F "wgpu:${numbered#*:}" "$results/info.log")
keep
if [ -z "$offered" ]; then
    echo "$device: no such device"
    cat "$results/machine.log"
    exit 1
fi

for precision in f32 tf32 tf32x3 bf16 f16; do
    offers $precision || continue
    measure mnist-$precision 40 --part mnist --precision $precision && continue
    # What the compilers and the driver make of the kernel that fails.
    CUBECL_CUDA_DUMP_PTX=$results/ptx-$precision timeout -k 2 "$(allowed 30)" ./report --device \
        "$device" --results "$work/again" --quick --part mnist --precision $precision \
        > "$results/mnist-$precision.again.log" 2>&1
    for file in "$results/ptx-$precision"/*.ptx; do
        [ ! -e "$file" ] || ptxas -arch=sm_90a -o /dev/null "$file"
    done > "$results/ptxas-$precision.log" 2>&1
    tail -n 20 "$results/mnist-$precision.again.log" "$results/ptxas-$precision.log"
    keep
done

if asks mnist-f32 && [ -z "$(ls "$results" | grep json)" ]; then
    echo "no iteration runs, so all else is left out"
    exit 1
fi

if [ -n "${compiles:-}" ]; then
    wait "$compiles"
    step probe 30 "$work/probe"
fi

started=
if asks right; then
    for precision in f32 tf32 tf32x3 bf16 f16; do
        ! offers $precision ||
            beside gradcheck-$precision 120 ./gradcheck --device "$device" --precision $precision
    done
    if command -v compute-sanitizer > /dev/null; then
        for tool in racecheck memcheck; do
            beside $tool 120 compute-sanitizer --tool $tool ./report --device "$device" --quick \
                --results "$work/$tool" --part mnist --precision tf32
        done
    fi
    together
fi

iterations=2000
[ -z "$quick" ] || iterations=10
if [ -n "${GPU_MNIST:-}" ]; then
    preset=mnist data="--data $GPU_MNIST"
else
    preset=digits data=
fi
for precision in f32 tf32; do
    # The words split into none or two.
    # shellcheck disable=SC2086
    ! offers $precision || step train-$precision 60 ./gan-cli train $preset $data --device "$device" \
        --precision $precision --steps "$iterations" --out "$work/train-$precision.run"
    ! [ -e "$work/train-$precision.run" ] ||
        cp "$work/train-$precision.run/metrics.jsonl" "$results/train-$precision.jsonl"
done
if command -v ncu > /dev/null; then
    # One iteration that is launched anew, without the zeros that are made before it.
    step counters 90 ncu --clock-control none --cache-control none --launch-count 19 \
        --kernel-name 'regex:linear|gather|fill|advance' \
        --section SpeedOfLight --section WarpStateStats --section MemoryWorkloadAnalysis \
        --section LaunchStats --section Occupancy --csv \
        ./report --device "$device" --results "$work/counters" --quick --part mnist --precision tf32
fi
# Others have nothing between tf32 and f32, and are asked once.
exact=f32
! offers tf32x3 || exact=tf32x3
for precision in tf32 $exact; do
    # It stops by itself before the limit, so that what was measured is kept.
    ! offers $precision || measure peers-$precision 110 --only --peers --precision $precision \
        --seconds $(($(allowed 110) * 9 / 10))
done
measure parzen 30 --part parzen
! offers bf16 || measure large 45 --part large --precision bf16
exact=f32
! offers tf32 || exact=tf32
measure cifar10-fc 45 --part cifar10-fc --precision $exact
if [ -n "${GPU_MNIST:-}" ]; then
    # The paper's experiment, from start to end.
    step epochs-250 60 ./gan-cli train mnist --data "$GPU_MNIST" --device "$device" \
        --precision $exact --out "$work/epochs-250.run"
fi
for precision in tf32 f32 bf16; do
    ! offers $precision || measure limits-$precision 45 --part limits --precision $precision
done
measure facts 30 --part facts
! offers tf32 || measure operations-tf32 50 --part operations --precision tf32
measure operations-f32 40 --part operations --precision f32
for precision in $exact bf16; do
    ! offers $precision || measure products-$precision 80 --part products --precision $precision \
        --seconds $(($(allowed 80) * 8 / 10))
done
measure records 60 --part records

echo
echo "== targets, after $(($(date +%s) - start)) s"
./report --targets --results "$results" | tee "$results/targets.log"
keep
rm -rf "$work"
[ -z "$cut" ] || echo "cut, of ${budget} s:$cut"
if [ -n "$failed" ]; then
    echo "failed:$failed (logs are in gpu-results.tar.gz)"
    exit 1
fi
