// Everything around the matrix products of a wide autoencoder's training step (Grassi et al. 2021, L0-L3).
//
// Arrays are features x samples, feature fastest; one with a 2 in its name holds the values of `n` samples and behind them
// their tangents, so that one matrix product serves both. The kernel builder writes REAL, THREADS, FEATURES, LATENT,
// CONDITIONS, DYNAMICS, PARAMS and the latent right-hand side in front of this text. Sums are taken in a fixed order.

// `state`: the step within the launch, and whether the model is still in training.
enum { AT_STEP = 0, RUNNING = 1 };

__device__ inline size_t item_start() { return (size_t)blockIdx.x * THREADS + threadIdx.x; }
__device__ inline size_t item_stride() { return (size_t)gridDim.x * THREADS; }

// Sum over a block, in thread 0.
__device__ inline real block_sum(real v) {
    __shared__ real scratch[THREADS];
    __syncthreads();
    scratch[threadIdx.x] = v;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
        __syncthreads();
    }
    return scratch[0];
}

// The mini-batch of this step, or samples first.. of the table where `order` is null.
extern "C" __global__ void w_gather(const real* x, const real* xdot, const real* conditions, const unsigned* order,
                                    const int* state, real* x2, real* c, int n, int first) {
    const int rows = 2 * FEATURES + CONDITIONS;
    const size_t at = order ? (size_t)state[AT_STEP] * n : 0;
    for (size_t item = item_start(); item < (size_t)n * rows; item += item_stride()) {
        const int row = item % rows;
        const size_t s = item / rows, sample = order ? order[at + s] : first + s;
        if (row < FEATURES) x2[s * FEATURES + row] = x[sample * FEATURES + row];
        else if (row < 2 * FEATURES) x2[(n + s) * FEATURES + row - FEATURES] = xdot[sample * FEATURES + row - FEATURES];
        else c[s * CONDITIONS + row - 2 * FEATURES] = conditions[sample * CONDITIONS + row - 2 * FEATURES];
    }
}

// Activation of a layer on value and tangent, in place; `input2` is added where the layer is residual, else null. Slope and
// curve (second derivative times the tangent) are kept where a reverse pass follows, else null.
extern "C" __global__ void w_activate(real* u2, const real* bias, const real* input2, real* slope, real* curve, int rows,
                                      int n, int kind) {
    const size_t len = (size_t)rows * n;
    for (size_t i = item_start(); i < len; i += item_stride()) {
        real a, d, c;
        const real t = u2[len + i];
        activation(kind, u2[i] + bias[i % rows], a, d, c);
        u2[i] = input2 ? a + input2[i] : a;
        u2[len + i] = input2 ? d * t + input2[len + i] : d * t;
        if (slope) {
            slope[i] = d;
            curve[i] = c * t;
        }
    }
}

template <int N> __device__ inline void load(const real* from, real* to) {
    for (int i = 0; i < N; i++) to[i] = from[i];
}

// The decoder's input: the latent variables, and g(z; p, c) as their tangent.
extern "C" __global__ void w_rates(const real* params, const real* z2, const real* conditions, real* decoder2, int n) {
    for (size_t s = item_start(); s < n; s += item_stride()) {
        real z[LATENT], g[LATENT], c[CONDITIONS + 1];
        load<LATENT>(z2 + s * LATENT, z);
        load<CONDITIONS>(conditions + s * CONDITIONS, c);
        latent_value(params + AT_DYNAMICS, z, c, g);
        load<LATENT>(z, decoder2 + s * LATENT);
        load<LATENT>(g, decoder2 + (n + s) * LATENT);
    }
}

// Sums of squares of L0 and L2, one pair a block; the cotangents of the decoder's output where `bar2` is not null.
extern "C" __global__ void w_decoded(const real* y2, const real* x2, real* bar2, const real* settings, real* partial, int n) {
    const size_t len = (size_t)FEATURES * n;
    real l0 = 0, l2 = 0;
    for (size_t i = item_start(); i < len; i += item_stride()) {
        const real r0 = y2[i] - x2[i], r2 = y2[len + i] - x2[len + i];
        l0 += r0 * r0;
        l2 += r2 * r2;
        if (bar2) {
            bar2[i] = settings[S_FACTOR] * r0;
            bar2[len + i] = settings[S_FACTOR + 2] * r2;
        }
    }
    l0 = block_sum(l0);
    l2 = block_sum(l2);
    if (threadIdx.x == 0) {
        partial[2 * blockIdx.x] = l0;
        partial[2 * blockIdx.x + 1] = l2;
    }
}

// Cotangents of a layer's pre-activations from those of its output.
extern "C" __global__ void w_reverse(const real* bar2, const real* slope, const real* curve, real* ubar2, int rows, int n) {
    const size_t len = (size_t)rows * n;
    for (size_t i = item_start(); i < len; i += item_stride()) {
        const real d = slope[i], t = bar2[len + i];
        ubar2[i] = d * bar2[i] + curve[i] * t;
        ubar2[len + i] = d * t;
    }
}

// Sums over the first `n` columns: the gradient of a bias, or of the right-hand side's parameters. Blocks of 32 rows, THREADS / 32
// threads a row.
extern "C" __global__ void w_row_sums(const real* a, real* out, int rows, int n) {
    __shared__ real scratch[THREADS];
    const int lane = threadIdx.x % 32, part = threadIdx.x / 32, row = blockIdx.x * 32 + lane;
    real sum = 0;
    if (row < rows)
        for (size_t s = part; s < n; s += THREADS / 32) sum += a[s * rows + row];
    scratch[threadIdx.x] = sum;
    __syncthreads();
    if (part == 0 && row < rows) {
        for (int k = 1; k < THREADS / 32; k++) sum += scratch[k * 32 + lane];
        out[row] = sum;
    }
}

// Sums of L1 and L3, one pair a block. Where `bar2` is not null: in, the cotangents of the decoder's input and its tangent; out,
// those of the encoder's output and its tangent; and each sample's part of the gradient of the right-hand side's parameters.
extern "C" __global__ void w_latent(const real* params, const real* z2, const real* decoder2, const real* conditions,
                                    const real* masses, const real* settings, real* bar2, real* p_bars, real* partial, int n) {
    real l1 = 0, l3 = 0;
    for (size_t s = item_start(); s < n; s += item_stride()) {
        real z[LATENT], zdot[LATENT], g[LATENT], c[CONDITIONS + 1];
        load<LATENT>(z2 + s * LATENT, z);
        load<LATENT>(z2 + (n + s) * LATENT, zdot);
        load<LATENT>(decoder2 + (n + s) * LATENT, g);
        load<CONDITIONS>(conditions + s * CONDITIONS, c);
        real mass_rate = 0, mass_g = 0;
        for (int i = 0; i < LATENT; i++) {
            const real r = g[i] - zdot[i];
            l1 += r * r;
            mass_rate += masses[i] * zdot[i];
            mass_g += masses[i] * g[i];
        }
        l3 += r_abs(mass_rate) + r_abs(mass_g);
        if (!bar2) continue;
        const real of_rate = settings[S_FACTOR + 3] * r_sign(mass_rate), of_g = settings[S_FACTOR + 3] * r_sign(mass_g);
        real z_bar[LATENT], g_bar[LATENT], p_bar[DYNAMICS + 1], c_bar[CONDITIONS + 1];
        load<LATENT>(bar2 + s * LATENT, z_bar);
        for (int i = 0; i < LATENT; i++) {
            const real difference = settings[S_FACTOR + 1] * (g[i] - zdot[i]);
            g_bar[i] = bar2[(n + s) * LATENT + i] + masses[i] * of_g + difference;
            bar2[(n + s) * LATENT + i] = masses[i] * of_rate - difference;
        }
        for (int j = 0; j < DYNAMICS; j++) p_bar[j] = real(0);
        for (int j = 0; j < CONDITIONS; j++) c_bar[j] = real(0);
        latent_vjp(params + AT_DYNAMICS, z, c, g_bar, z_bar, p_bar, c_bar);
        load<LATENT>(z_bar, bar2 + s * LATENT);
        load<DYNAMICS>(p_bar, p_bars + s * DYNAMICS);
    }
    l1 = block_sum(l1);
    l3 = block_sum(l3);
    if (threadIdx.x == 0) {
        partial[2 * blockIdx.x] = l1;
        partial[2 * blockIdx.x + 1] = l3;
    }
}

// Sums of squares of the gradient, one a block.
extern "C" __global__ void w_squares(const real* gradient, real* partial) {
    real sum = 0;
    for (size_t i = item_start(); i < PARAMS; i += item_stride()) sum += gradient[i] * gradient[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__device__ inline real sum_of(const real* partial, int count, int stride) {
    real sum = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) sum += partial[i * stride];
    return block_sum(sum);
}

// One block: adds the partial sums (`squares` null: no gradient, losses added to report[0..4]), reports, decides whether the
// step counts, and leaves the factor of the gradient.
extern "C" __global__ void w_finish(const real* decoded, int decoded_count, const real* latent, int latent_count,
                                    const real* squares, int squares_count, const real* settings, int* state, real* scale,
                                    real* report, int* status) {
    real sums[REPORT];
    sums[0] = sum_of(decoded, decoded_count, 2);
    sums[2] = sum_of(decoded + 1, decoded_count, 2);
    sums[1] = sum_of(latent, latent_count, 2);
    sums[3] = sum_of(latent + 1, latent_count, 2);
    sums[4] = squares ? sum_of(squares, squares_count, 1) : real(0);
    if (threadIdx.x != 0) return;
    real total = 0;
    for (int k = 0; k < 4; k++) {
        sums[k] *= settings[S_NORM + k];
        total += settings[S_WEIGHT + k] * sums[k];
    }
    if (!squares) {
        for (int k = 0; k < 4; k++) report[k] += sums[k];
        return;
    }
    const int step = state[AT_STEP];
    const real norm = r_sqrt(sums[4]), clip = settings[S_CLIP];
    if (status[0] < 0 && (!r_finite(total) || !r_finite(norm))) status[0] = step;
    state[RUNNING] = status[0] < 0;
    if (!state[RUNNING]) return;
    for (int k = 0; k < 4; k++) report[(size_t)step * REPORT + k] = sums[k];
    report[(size_t)step * REPORT + 4] = norm;
    scale[0] = clip > real(0) && norm > clip ? clip / norm : real(1);
}

extern "C" __global__ void w_adam(real* params, real* first, real* second, real* average, const real* gradient,
                                  const real* settings, const real* schedule, const int* state, const real* scale) {
    if (!state[RUNNING]) return;
    const real* now = schedule + (size_t)state[AT_STEP] * SCHEDULE;
    for (size_t i = item_start(); i < PARAMS; i += item_stride()) {
        adam(settings, now, scale[0] * gradient[i], params[i], first[i], second[i]);
        if (average) average[i] += now[H_AVERAGE] * (params[i] - average[i]);
    }
}

extern "C" __global__ void w_advance(int* state) { state[AT_STEP] += 1; }
