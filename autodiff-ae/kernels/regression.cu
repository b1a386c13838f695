// Loss, gradient and score of several dense networks of one shape on the same points; tiles of points are dealt out to the blocks.
//
// The kernel builder writes, in front of this text, the network under the prefix `net`, where the arrays of a block lie, PENALTY
// (0: |r|, 1: r^2, 2: Huber's) and DELTA.
//
// Tables of points: one after the other, net_INPUTS features and net_OUTPUTS targets each.

// Value and derivative of the loss of one output at a residual.
__device__ inline real penalty(real r, real& slope) {
    const real size = r_abs(r), delta = real(DELTA);
    if (PENALTY == 1) {
        slope = r + r;
        return r * r;
    }
    if (PENALTY == 2 && !(size > delta)) {
        slope = r / delta;
        return real(0.5) * r * r / delta;
    }
    slope = r_sign(r);
    return PENALTY == 2 ? size - delta * real(0.5) : size;
}

// Points of a tile into rows of 32: those that `order` names, or the table's own where it is null; lanes without a point are zero.
template <int ROWS>
__device__ inline void gather(const real* table, const unsigned* order, size_t first, int filled, real* tile) {
    for (int item = threadIdx.x; item < ROWS * DENSE_LANES; item += THREADS) {
        // Neighbouring threads take neighbouring numbers of a point, which lie side by side in the table.
        const int row = item % ROWS, lane = item / ROWS;
        real v = real(0);
        if (lane < filled) v = table[(order ? (size_t)order[first + lane] : first + lane) * ROWS + row];
        tile[row * DENSE_LANES + lane] = v;
    }
}

__device__ inline int filled_lanes(size_t first, size_t points) {
    return points - first < DENSE_LANES ? (int)(points - first) : DENSE_LANES;
}

// The points order[0..batch] for every network; `parts` blocks share a network's. partial [networks][parts][net_PARAMS]: each block's
// part of the gradient; losses [networks][parts]: of the loss. Outputs count as `weights` says, points equally.
extern "C" __global__ void __launch_bounds__(THREADS)
    regression_gradient(const real* params, const real* features, const real* targets, const unsigned* order, const real* weights,
                        real* workspace, real* partial, real* losses, int batch, int parts) {
    DYNAMIC_SHARED(shared);
    real* room = workspace + (size_t)blockIdx.x * WORKSPACE;
    real *in = PLACE(INPUT), *out = PLACE(OUTPUT), *target = PLACE(TARGET), *scratch = PLACE(SCRATCH);
    real *values = PLACE(VALUES), *slopes = PLACE(SLOPES), *sums = PLACE(SUMS);
    real* gradient = partial + (size_t)blockIdx.x * net_PARAMS;
    params += (size_t)(blockIdx.x / parts) * net_PARAMS;
    const real share = real(1.0 / batch);
    real loss = 0;
    dense_clear(gradient, net_PARAMS);
    for (size_t first = (size_t)(blockIdx.x % parts) * DENSE_LANES; first < batch; first += (size_t)parts * DENSE_LANES) {
        const int filled = filled_lanes(first, batch);
        gather<net_INPUTS>(features, order, first, filled, in);
        gather<net_OUTPUTS>(targets, order, first, filled, target);
        __syncthreads();
        net_forward_apart(params, in, out, values, slopes);
        // The cotangents of the output take its place.
        for (int item = threadIdx.x; item < net_OUTPUTS * DENSE_LANES; item += THREADS) {
            real slope;
            const real value = penalty(out[item] - target[item], slope);
            const real w = item % DENSE_LANES < filled ? weights[item / DENSE_LANES] * share : real(0);
            out[item] = w * slope;
            loss += w * value;
        }
        __syncthreads();
        net_reverse_apart(params, in, values, slopes, out, nullptr, gradient, scratch);
    }
    loss = dense_sum(loss, sums);
    if (threadIdx.x == 0) losses[blockIdx.x] = loss;
}

// For every tile of a table the sum over its points and outputs of |mean of the networks - target| * weights, to scores[tile].
extern "C" __global__ void __launch_bounds__(THREADS)
    regression_score(const real* params, const real* features, const real* targets, const real* weights, real* workspace,
                     real* scores, unsigned long long points, int networks) {
    DYNAMIC_SHARED(shared);
    real* room = workspace + (size_t)blockIdx.x * WORKSPACE;
    real *in = PLACE(INPUT), *out = PLACE(OUTPUT), *target = PLACE(TARGET), *scratch = PLACE(SCRATCH), *sums = PLACE(SUMS);
    const real share = real(1.0 / networks);
    const size_t tiles = (points + DENSE_LANES - 1) / DENSE_LANES;
    for (size_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const size_t first = tile * DENSE_LANES;
        const int filled = filled_lanes(first, points);
        gather<net_INPUTS>(features, nullptr, first, filled, in);
        gather<net_OUTPUTS>(targets, nullptr, first, filled, target);
        __syncthreads();
        // The target's place takes how far the mean is from it.
        for (int k = 0; k < networks; k++) {
            net_value(params + (size_t)k * net_PARAMS, in, out, scratch);
            for (int item = threadIdx.x; item < net_OUTPUTS * DENSE_LANES; item += THREADS) target[item] -= out[item] * share;
            __syncthreads();
        }
        real sum = 0;
        for (int item = threadIdx.x; item < net_OUTPUTS * DENSE_LANES; item += THREADS)
            if (item % DENSE_LANES < filled) sum += r_abs(target[item]) * weights[item / DENSE_LANES];
        sum = dense_sum(sum, sums);
        if (threadIdx.x == 0) scores[tile] = sum;
    }
}
