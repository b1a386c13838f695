#!/usr/bin/env bash
# Checks and figures for a machine with an NVIDIA GPU: the device's tests against the CPU, then the first method's whole training
# and layers of width 512. Prints device, commands and figures, and keeps them in gpu-figures.txt.
#
#   benches/gpu.sh [CUDA_VERSION]     as cudarc names it, e.g. 12090 or 13000; without it that of nvcc on the path
#
# Needs the driver, NVRTC and cuBLAS (a toolkit, or pip's nvidia-cuda-nvrtc and nvidia-cublas on LD_LIBRARY_PATH).
set -euo pipefail
cd "$(dirname "$0")/.."
features=cuda${1:+-$1}
out=gpu-figures.txt

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

{
    date -u +%F
    git log -1 --format='commit %h' 2>/dev/null || true
    run nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv
    run cargo test --release -p autodiff-ae --features "$features" --test cuda -- --nocapture
    run cargo run --release -p autodiff-ae --features "$features" --example gpu_bench
} 2>&1 | tee "$out"
