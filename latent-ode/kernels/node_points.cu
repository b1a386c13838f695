// Encoder and decoder of a plan, on tiles of one point of every lane of a group: tile b = group * most + k holds point k. A block takes
// every gridDim-th tile; gradients are summed in it, then over the blocks.

// Numbers of a step, as the host writes them: scales of the cotangents of rollout, reconstruction and latent loss.
enum { ROLLOUT = 0, AUTO = 1, LATENT_LOSS = 2, SETTINGS_LEN = 3 };

// A point of a lane among all points, or -1 where the lane has none that counts.
__device__ inline int found(const Group& group, const int* status, int l, int k) {
    const int* lane = group.lane(l);
    const bool counts = lane[USED] && k < lane[COUNT] && !(status && status[l * STATUS + FAILED]);
    return counts ? lane[RAY] + group.point(l, k) : -1;
}

// Inputs of the encoder: of the first `groups` tiles what the solves start from, of the others the abundances of the points.
__device__ inline void encoder_input(const real* x, const real* aux, const int* lanes, const int* points, int tile, int groups, int most,
                                     real* input) {
    for (int item = threadIdx.x; item < encoder_INPUTS * LANES; item += THREADS) {
        const int l = item % LANES, i = item / LANES;
        if (tile < groups) {
            const int* lane = lanes + ((size_t)tile * LANES + l) * LANE;
            const size_t at = lane[RAY] + lane[FIRST];
            input[item] = START_GIVEN ? aux[at * AUX + START_AT + i] : x[at * decoder_OUTPUTS + i];
        } else {
            const int b = tile - groups;
            const Group group = {nullptr, aux, lanes + (size_t)(b / most) * LANES * LANE, points};
            const int at = found(group, nullptr, l, b % most);
            input[item] = at < 0 ? real(0) : x[(size_t)at * decoder_OUTPUTS + i];
        }
    }
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(THREADS)
node_encode(const real* params, const real* x, const real* aux, const int* lanes, const int* points, real* room, real* z, int tiles,
            int groups, int most) {
    WORKSPACE(ENCODE_SHARED, ENCODE_WORK)
    real *input = work, *memory = input + encoder_INPUTS * LANES + TILE;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        encoder_input(x, aux, lanes, points, tile, groups, most, input);
        encoder_forward(params, input, z + (size_t)tile * TILE, memory);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
node_encode_reverse(const real* params, const real* x, const real* aux, const int* lanes, const int* points, const real* z_bar, real* room,
                    real* gradient, int tiles, int groups, int most) {
    WORKSPACE(ENCODE_SHARED, ENCODE_WORK)
    real *input = work, *out = input + encoder_INPUTS * LANES, *memory = out + TILE, *scratch = memory + encoder_MEMORY;
    gradient += (size_t)blockIdx.x * encoder_PARAMS;
    dense_clear(gradient, encoder_PARAMS);
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        encoder_input(x, aux, lanes, points, tile, groups, most, input);
        encoder_forward(params, input, out, memory);
        encoder_reverse(params, input, memory, z_bar + (size_t)tile * TILE, nullptr, gradient, scratch);
    }
}

// Penalty of a residual and its slope.
__device__ inline void penalty(real r, real& value, real& slope) {
    const real size = r_abs(r);
    if (LOSS == SQUARE || (LOSS == HUBER && !(size > real(DELTA)))) {
        value = LOSS == SQUARE ? r * r : real(0.5) * r * r / real(DELTA);
        slope = LOSS == SQUARE ? r + r : r / real(DELTA);
    } else {
        value = LOSS == HUBER ? size - real(DELTA) * real(0.5) : size;
        slope = r_sign(r);
    }
}

// One tile through the decoder and back, from latent states `z` to their cotangents `bar`; the sum of the weighted penalties.
__device__ ONE_COPY real decode(const real* params, const real* x, const real* aux, const int* at, const real* weights, real scale,
                                const real* z, real* bar, real* gradient, real* work, real* sums) {
    real *input = work, *out = input + decoder_INPUTS * LANES, *out_bar = out + decoder_OUTPUTS * LANES, *input_bar = out_bar + decoder_OUTPUTS * LANES;
    real *memory = input_bar + decoder_INPUTS * LANES, *scratch = memory + decoder_MEMORY;
    for (int item = threadIdx.x; item < decoder_INPUTS * LANES; item += THREADS) {
        const int l = item % LANES, i = item / LANES;
        const real seen = i < LATENT ? z[item] : (at[l] < 0 ? real(0) : aux[(size_t)at[l] * AUX + i - LATENT]);
        input[item] = seen;
    }
    __syncthreads();
    decoder_forward(params, input, out, memory);
    real sum = 0;
    for (int item = threadIdx.x; item < decoder_OUTPUTS * LANES; item += THREADS) {
        const int l = item % LANES, o = item / LANES;
        const real valid = at[l] < 0 ? real(0) : real(1), target = at[l] < 0 ? real(0) : x[(size_t)at[l] * decoder_OUTPUTS + o];
        real value, slope;
        penalty(out[item] - target, value, slope);
        sum += weights[o] * valid * value;
        out_bar[item] = weights[o] * valid * scale * slope;
    }
    __syncthreads();
    decoder_reverse(params, input, memory, out_bar, input_bar, gradient, scratch);
    for (int item = threadIdx.x; item < TILE; item += THREADS) bar[item] = input_bar[item];
    return dense_sum(sum, sums);
}

// Losses of every tile (rollout, reconstruction, latent: sums without their weights), cotangents of the solved states, and of the codes
// where there are any (`codes` not null).
extern "C" __global__ void __launch_bounds__(THREADS)
node_decode(const real* params, const real* x, const real* aux, const int* lanes, const int* points, const int* status, const real* solved,
            const real* codes, const real* weights, const real* settings, real* room, real* bars, real* code_bars, real* gradient,
            real* losses, int tiles, int most) {
    WORKSPACE(DECODE_SHARED, DECODE_WORK)
    __shared__ real sums[THREADS];
    __shared__ int at[LANES];
    gradient += (size_t)blockIdx.x * decoder_PARAMS;
    dense_clear(gradient, decoder_PARAMS);
    for (int b = blockIdx.x; b < tiles; b += gridDim.x) {
        const size_t g = b / most, from = (size_t)b * TILE;
        if (threadIdx.x < LANES) {
            const Group group = {nullptr, aux, lanes + g * LANES * LANE, points};
            at[threadIdx.x] = found(group, status + g * (LANES * STATUS + 1), threadIdx.x, b % most);
        }
        __syncthreads();
        real latent = 0, reconstruction = 0;
        const real rollout = decode(params, x, aux, at, weights, settings[ROLLOUT], solved + from, bars + from, gradient, work, sums);
        if (codes) {
            reconstruction = decode(params, x, aux, at, weights, settings[AUTO], codes + from, code_bars + from, gradient, work, sums);
            for (int item = threadIdx.x; item < TILE; item += THREADS) {
                const real d = at[item % LANES] < 0 ? real(0) : solved[from + item] - codes[from + item];
                latent += d * d;
                bars[from + item] += settings[LATENT_LOSS] * d;
                code_bars[from + item] -= settings[LATENT_LOSS] * d;
            }
            latent = dense_sum(latent, sums);
        }
        if (threadIdx.x == 0) {
            losses[3 * b] = rollout;
            losses[3 * b + 1] = reconstruction;
            losses[3 * b + 2] = latent;
        }
    }
}
