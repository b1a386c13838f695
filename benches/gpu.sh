#!/usr/bin/env bash
# Checks and figures for a machine with an NVIDIA GPU: the device's tests against the CPU, then the first method's whole training
# (as library and from the command line), layers of width 512, and a surrogate of lines of sight. Prints device, commands and figures, and keeps them in gpu-figures.txt.
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
    # The paper's training from the command line: one model, then 128 seeds with ten validations each.
    if [ -n "${1:-}" ]; then export CUDARC_CUDA_VERSION=$1; fi
    run cargo test --release -p latent-ode --features cuda --test gpu --test gpu_node -- --nocapture
    run cargo test --release -p latent-ode --features cuda --lib -- --nocapture cuda
    run cargo build --release -p surrogate-cli --features cuda
    folder=$(mktemp -d)
    trap 'rm -r "$folder"' EXIT
    surrogate=target/release/surrogate
    run $surrogate generate --models 550 --distribution grassi --out "$folder/d.h5"
    printf '[training]\nrecipe = "paper"\nvalidate_every = 15620\n' >"$folder/rare.toml"
    common=(--data "$folder/d.h5" --batch 32 --device cuda --json)
    run $surrogate train --recipe paper "${common[@]}" --benchmark-steps 156200
    run $surrogate train --config "$folder/rare.toml" "${common[@]}" --max-steps 156200 --ensemble 128 --out "$folder/best.safetensors"
    # A surrogate of lines of sight, on the GPU and on one core: `training_seconds` of its candidate.
    grid=../shared/data/pdr/v1_sample.h5
    if [ -e "$grid" ]; then
        for family in pointwise node; do
            for device in cuda cpu; do
                run $surrogate pdr train --data "$grid" --family $family --threads 1 --device $device --out "$folder/$family-$device" --json
            done
        done
    else
        echo "SKIPPED: $grid is not there to train a surrogate of lines of sight on"
    fi
} 2>&1 | tee "$out"
