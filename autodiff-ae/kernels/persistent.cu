// Training of small autoencoders on value and tangent (Grassi et al. 2021, L0-L3), one model a block, all steps in one launch.
//
// The kernel builder writes, in front of this text: REAL, THREADS, LANES, STRIDE, the sizes FEATURES, LATENT, CONDITIONS,
// DYNAMICS, PARAMS, the table LAYER, the offsets AT_* into the workspace, whether parameters, moments, gradient and
// activations lie in shared memory (SHARED_*), and the latent right-hand side `latent_value` and `latent_vjp`.
//
// Work goes by chunks of LANES samples. An array of `n` features of a chunk is n rows of STRIDE = LANES + 1 numbers: threads
// of a warp read neighbouring samples of one row, or one sample of neighbouring rows, both without bank conflicts.
// Every sum is taken by one thread in a fixed order: two runs give the same bits.

// Outputs computed by one thread: each value read from shared memory feeds that many products; small layers are cut finer, to
// keep all threads at work.
__device__ constexpr int tile(int rows) {
    return rows * LANES >= 4 * THREADS ? 4 : (rows * LANES >= 2 * THREADS ? 2 : 1);
}

struct Memory {
    real *params, *gradient, *first, *second, *chunk;
};

// One layer forward on value and tangent. The decoder's last layer (LAST) goes on to the residuals of L0 and L2 and, where a
// gradient is wanted, leaves the cotangents of its pre-activations.
template <int L, bool LAST, bool REVERSE>
__device__ inline void layer_forward(const Memory& m, const real* settings, int filled, real* sums) {
    constexpr int N = LAYER[L].inputs, M = LAYER[L].outputs, R = tile(M);
    const real *w = m.params + LAYER[L].weight, *b = w + N * M;
    const real *x = m.chunk + LAYER[L].value_in, *tx = m.chunk + LAYER[L].tangent_in;
    real *value = m.chunk + LAYER[L].value, *tangent = value + M * STRIDE;
    real *slope = tangent + M * STRIDE, *curve = slope + M * STRIDE;
    for (int item = threadIdx.x; item < (M + R - 1) / R * LANES; item += THREADS) {
        const int s = item % LANES, first = item / LANES * R;
        real u[R], t[R];
        for (int r = 0; r < R; r++) {
            u[r] = first + r < M ? b[first + r] : real(0);
            t[r] = real(0);
        }
#pragma unroll 4
        for (int k = 0; k < N; k++) {
            const real xk = x[k * STRIDE + s], tk = tx[k * STRIDE + s];
            for (int r = 0; r < R; r++) {
                const real wk = w[(first + r < M ? first + r : M - 1) * N + k];
                u[r] += wk * xk;
                t[r] += wk * tk;
            }
        }
        for (int r = 0; r < R; r++) {
            const int o = first + r;
            if (o >= M) break;
            real a, d, c;
            activation(LAYER[L].activation, u[r], a, d, c);
            real y = a, ty = d * t[r];
            c *= t[r];
            if (LAYER[L].residual) {
                y += x[o * STRIDE + s];
                ty += tx[o * STRIDE + s];
            }
            value[o * STRIDE + s] = y;
            tangent[o * STRIDE + s] = ty;
            if (LAST) {
                const real weight = s < filled ? real(1) : real(0);
                const real r0 = weight * (y - m.chunk[AT_X + o * STRIDE + s]);
                const real r2 = weight * (ty - m.chunk[AT_XDOT + o * STRIDE + s]);
                sums[0] += r0 * r0;
                sums[2] += r2 * r2;
                const real bar = settings[S_FACTOR] * r0, rate_bar = settings[S_FACTOR + 2] * r2;
                slope[o * STRIDE + s] = d * bar + c * rate_bar;
                curve[o * STRIDE + s] = d * rate_bar;
            } else if (REVERSE) {
                slope[o * STRIDE + s] = d;
                curve[o * STRIDE + s] = c;
            }
        }
    }
    __syncthreads();
}

// The layers FROM..TO one after another.
template <int FROM, int TO, bool REVERSE>
__device__ inline void forward(const Memory& m, const real* settings, int filled, real* sums) {
    if constexpr (FROM < TO) {
        layer_forward<FROM, FROM == LAYERS - 1, REVERSE>(m, settings, filled, sums);
        forward<FROM + 1, TO, REVERSE>(m, settings, filled, sums);
    }
}

// Cotangents of a layer's input and input tangent from those of its pre-activations (kept in the places of slope and curve).
// For the first layer of a network they go to `bar`, else they become the cotangents of the previous layer's pre-activations.
template <int L, bool FIRST>
__device__ inline void layer_reverse(const Memory& m, real* bar, real* tangent_bar) {
    constexpr int N = LAYER[L].inputs, M = LAYER[L].outputs, R = tile(N);
    const real* w = m.params + LAYER[L].weight;
    const real *ubar = m.chunk + LAYER[L].value + 2 * M * STRIDE, *tbar = ubar + M * STRIDE;
    for (int item = threadIdx.x; item < (N + R - 1) / R * LANES; item += THREADS) {
        const int s = item % LANES, first = item / LANES * R;
        real a[R], t[R];
        for (int r = 0; r < R; r++) a[r] = t[r] = real(0);
#pragma unroll 4
        for (int o = 0; o < M; o++) {
            const real uo = ubar[o * STRIDE + s], to = tbar[o * STRIDE + s];
            for (int r = 0; r < R; r++) {
                const real wo = w[o * N + (first + r < N ? first + r : N - 1)];
                a[r] += wo * uo;
                t[r] += wo * to;
            }
        }
        for (int r = 0; r < R; r++) {
            const int i = first + r, at = i * STRIDE + s;
            if (i >= N) break;
            if (LAYER[L].residual) {
                // A residual layer hands the cotangents of its output through.
                a[r] += m.chunk[AT_CARRY + at];
                t[r] += m.chunk[AT_CARRY + N * STRIDE + at];
            }
            if constexpr (FIRST) {
                bar[at] = a[r];
                tangent_bar[at] = t[r];
            } else {
                constexpr int K = LAYER[L - 1].outputs;
                if (LAYER[L - 1].residual) {
                    m.chunk[AT_CARRY + at] = a[r];
                    m.chunk[AT_CARRY + K * STRIDE + at] = t[r];
                }
                real *slope = m.chunk + LAYER[L - 1].value + 2 * K * STRIDE, *curve = slope + K * STRIDE;
                const real d = slope[at], c = curve[at];
                slope[at] = d * a[r] + c * t[r];
                curve[at] = d * t[r];
            }
        }
    }
    __syncthreads();
}

// The layers TO-1 down to FROM; the first one's input cotangents only where they are wanted.
template <int FROM, int TO, bool INPUT>
__device__ inline void reverse(const Memory& m, real* bar, real* tangent_bar) {
    if constexpr (TO - FROM > 1) {
        layer_reverse<TO - 1, false>(m, bar, tangent_bar);
        reverse<FROM, TO - 1, INPUT>(m, bar, tangent_bar);
    } else if constexpr (INPUT) {
        layer_reverse<FROM, true>(m, bar, tangent_bar);
    }
}

// A column of a chunk's array as a plain array.
template <int N> __device__ inline void load_column(const real* rows, int s, real* out) {
    for (int i = 0; i < N; i++) out[i] = rows[i * STRIDE + s];
}

// g(z; p, c) of every sample: the tangent the decoder takes.
__device__ inline void latent_rates(const Memory& m) {
    for (int s = threadIdx.x; s < LANES; s += THREADS) {
        real z[LATENT], g[LATENT], c[CONDITIONS + 1];
        load_column<LATENT>(m.chunk + LAYER[ENCODER - 1].value, s, z);
        load_column<CONDITIONS>(m.chunk + AT_CONDITIONS, s, c);
        latent_value(m.params + AT_DYNAMICS, z, c, g);
        for (int i = 0; i < LATENT; i++) m.chunk[AT_RATE + i * STRIDE + s] = g[i];
    }
    __syncthreads();
}

// L1 and L3 of every sample, the reverse of g, and the cotangents of the encoder's last pre-activations.
template <bool REVERSE>
__device__ inline void latent_losses(const Memory& m, const real* settings, const real* masses, int filled, real* sums) {
    constexpr int L = ENCODER - 1;
    real* value = m.chunk + LAYER[L].value;
    for (int s = threadIdx.x; s < LANES; s += THREADS) {
        const real weight = s < filled ? real(1) : real(0);
        real z[LATENT], zdot[LATENT], g[LATENT], c[CONDITIONS + 1];
        load_column<LATENT>(value, s, z);
        load_column<LATENT>(value + LATENT * STRIDE, s, zdot);
        load_column<LATENT>(m.chunk + AT_RATE, s, g);
        load_column<CONDITIONS>(m.chunk + AT_CONDITIONS, s, c);
        real mass_rate = 0, mass_g = 0;
        for (int i = 0; i < LATENT; i++) {
            const real r = weight * (g[i] - zdot[i]);
            sums[1] += r * r;
            mass_rate += masses[i] * zdot[i];
            mass_g += masses[i] * g[i];
        }
        sums[3] += weight * (r_abs(mass_rate) + r_abs(mass_g));
        if (!REVERSE) continue;
        const real of_rate = settings[S_FACTOR + 3] * weight * r_sign(mass_rate);
        const real of_g = settings[S_FACTOR + 3] * weight * r_sign(mass_g);
        real z_bar[LATENT], zdot_bar[LATENT], g_bar[LATENT], p_bar[DYNAMICS + 1], c_bar[CONDITIONS + 1];
        load_column<LATENT>(m.chunk + AT_Z_BAR, s, z_bar);
        for (int i = 0; i < LATENT; i++) {
            const real difference = settings[S_FACTOR + 1] * weight * (g[i] - zdot[i]);
            zdot_bar[i] = masses[i] * of_rate - difference;
            g_bar[i] = m.chunk[AT_G_BAR + i * STRIDE + s] + masses[i] * of_g + difference;
        }
        for (int j = 0; j < DYNAMICS; j++) p_bar[j] = real(0);
        for (int j = 0; j < CONDITIONS; j++) c_bar[j] = real(0);
        latent_vjp(m.params + AT_DYNAMICS, z, c, g_bar, z_bar, p_bar, c_bar);
        for (int j = 0; j < DYNAMICS; j++) m.chunk[AT_P_BAR + j * STRIDE + s] = p_bar[j];
        for (int i = 0; i < LATENT; i++) {
            real *slope = value + (2 * LATENT + i) * STRIDE + s, *curve = slope + LATENT * STRIDE;
            const real d = *slope, k = *curve;
            *slope = d * z_bar[i] + k * zdot_bar[i];
            *curve = d * zdot_bar[i];
        }
    }
    __syncthreads();
}

// Takes a new contribution to a gradient's entry; returns the square of the sum on the last chunk.
__device__ inline real collect(real* gradient, real g, bool first, bool last) {
    const real sum = first ? g : *gradient + g;
    *gradient = sum;
    return last ? sum * sum : real(0);
}

// Gradients of weights and biases: four outputs times one input (or the bias, as the input after the last) a thread.
// `start` shifts the work of a layer to the threads that the layers before left idle.
template <int L> __device__ inline real weight_gradient(const Memory& m, bool is_first, bool is_last, int start) {
    if constexpr (L == LAYERS) {
        real norm = 0;
        for (int j = (threadIdx.x + start) % THREADS; j < DYNAMICS; j += THREADS) {
            real sum = 0;
            for (int s = 0; s < LANES; s++) sum += m.chunk[AT_P_BAR + j * STRIDE + s];
            norm += collect(m.gradient + AT_DYNAMICS + j, sum, is_first, is_last);
        }
        return norm;
    } else {
        constexpr int N = LAYER[L].inputs, M = LAYER[L].outputs, R = 4, ITEMS = (M + R - 1) / R * (N + 1);
        const real *x = m.chunk + LAYER[L].value_in, *tx = m.chunk + LAYER[L].tangent_in;
        const real *ubar = m.chunk + LAYER[L].value + 2 * M * STRIDE, *tbar = ubar + M * STRIDE;
        real* gradient = m.gradient + LAYER[L].weight;
        real norm = 0;
        for (int item = (threadIdx.x + start) % THREADS; item < ITEMS; item += THREADS) {
            const int i = item % (N + 1), first = item / (N + 1) * R;
            real sum[R];
            int row[R];
            for (int r = 0; r < R; r++) {
                sum[r] = real(0);
                row[r] = (first + r < M ? first + r : M - 1) * STRIDE;
            }
            if (i < N) {
#pragma unroll 4
                for (int s = 0; s < LANES; s++) {
                    const real xs = x[i * STRIDE + s], ts = tx[i * STRIDE + s];
                    for (int r = 0; r < R; r++) sum[r] += ubar[row[r] + s] * xs + tbar[row[r] + s] * ts;
                }
            } else {
                for (int s = 0; s < LANES; s++)
                    for (int r = 0; r < R; r++) sum[r] += ubar[row[r] + s];
            }
            for (int r = 0; r < R && first + r < M; r++) {
                real* to = gradient + (i < N ? (first + r) * N + i : N * M + first + r);
                norm += collect(to, sum[r], is_first, is_last);
            }
        }
        return norm + weight_gradient<L + 1>(m, is_first, is_last, (start + THREADS - ITEMS % THREADS) % THREADS);
    }
}

// Sums of REPORT numbers over all threads, the same in every thread: 16 threads per number add THREADS/16 each, then all
// add those 16.
__device__ inline void block_sum(real* scratch, real* sums) {
    real* halves = scratch + REPORT * THREADS;
    for (int k = 0; k < REPORT; k++) scratch[k * THREADS + threadIdx.x] = sums[k];
    __syncthreads();
    for (int t = threadIdx.x; t < REPORT * 16; t += THREADS) {
        real sum = 0;
        for (int i = t % 16; i < THREADS; i += 16) sum += scratch[t / 16 * THREADS + i];
        halves[t] = sum;
    }
    __syncthreads();
    for (int k = 0; k < REPORT; k++) {
        real sum = 0;
        for (int i = 0; i < 16; i++) sum += halves[k * 16 + i];
        sums[k] = sum;
    }
}

// Samples first.. of a mini-batch (all samples in order where `order` is null) into the chunk; lanes without a sample are zero.
__device__ inline void gather(const Memory& m, const real* x, const real* xdot, const real* conditions,
                              const unsigned* order, int first, int filled) {
    constexpr int ROWS = 2 * FEATURES + CONDITIONS;
    for (int item = threadIdx.x; item < ROWS * LANES; item += THREADS) {
        // Neighbouring threads take neighbouring features, which lie side by side in the table.
        const int row = item % ROWS, s = item / ROWS;
        real v = real(0);
        if (s < filled) {
            const size_t sample = order ? order[first + s] : first + s;
            v = row < FEATURES         ? x[sample * FEATURES + row]
                : row < 2 * FEATURES ? xdot[sample * FEATURES + row - FEATURES]
                                     : conditions[sample * CONDITIONS + row - 2 * FEATURES];
        }
        real* to = m.chunk + (row < FEATURES ? AT_X : row < 2 * FEATURES ? AT_XDOT : AT_CONDITIONS);
        const int local = row < FEATURES ? row : row < 2 * FEATURES ? row - FEATURES : row - 2 * FEATURES;
        to[local * STRIDE + s] = v;
    }
    __syncthreads();
}

// Losses of one chunk, and with REVERSE everything up to the cotangents of all pre-activations.
template <bool REVERSE>
__device__ inline void pass(const Memory& m, const real* settings, const real* masses, int filled, real* sums) {
    forward<0, ENCODER, REVERSE>(m, settings, filled, sums);
    latent_rates(m);
    forward<ENCODER, LAYERS, REVERSE>(m, settings, filled, sums);
    if (REVERSE) reverse<ENCODER, LAYERS, true>(m, m.chunk + AT_Z_BAR, m.chunk + AT_G_BAR);
    latent_losses<REVERSE>(m, settings, masses, filled, sums);
    if (REVERSE) reverse<0, ENCODER, false>(m, nullptr, nullptr);
}

// Where everything of this block's model lies: what the layout gives to shared memory, the rest in the global workspace.
__device__ inline Memory place(real* shared, real* workspace, real* params, real* first, real* second) {
    real* global = workspace + (size_t)blockIdx.x * WORKSPACE;
    Memory m;
    m.params = SHARED_PARAMS ? shared + SHARED_PARAMS_AT : params;
    m.first = SHARED_MOMENTS ? shared + SHARED_MOMENTS_AT : first;
    m.second = SHARED_MOMENTS ? m.first + PARAMS : second;
    m.gradient = SHARED_GRADIENT ? shared + SHARED_GRADIENT_AT : global;
    m.chunk = SHARED_CHUNK ? shared + SHARED_CHUNK_AT : global + (SHARED_GRADIENT ? 0 : PARAMS);
    return m;
}

// `steps` steps of every model. All arrays of `models` parts, one a block: params, first, second, average (null: none),
// workspace, schedule [steps][SCHEDULE], settings [SETTINGS], report [steps][REPORT]; order [steps * batch] at a distance of
// `order_stride` (0: one order for all). status: -1, or the step before which a model was stopped since its losses or its
// gradient were not finite; such a model stays as it was.
extern "C" __global__ void __launch_bounds__(THREADS)
    ae_train(real* params, real* first, real* second, real* average, real* workspace, const real* x, const real* xdot,
             const real* conditions, const unsigned* order, unsigned long long order_stride, const real* schedule,
             const real* settings, const real* masses, real* report, int* status, int steps, int batch) {
    DYNAMIC_SHARED(shared);
    const int model = blockIdx.x;
    if (status[model] >= 0) return;
    params += (size_t)model * PARAMS;
    first += (size_t)model * PARAMS;
    second += (size_t)model * PARAMS;
    if (average) average += (size_t)model * PARAMS;
    order += (size_t)model * order_stride;
    schedule += (size_t)model * steps * SCHEDULE;
    settings += (size_t)model * SETTINGS;
    report += (size_t)model * steps * REPORT;
    const Memory m = place(shared, workspace, params, first, second);
    for (int i = threadIdx.x; i < PARAMS; i += THREADS) {
        if (SHARED_PARAMS) m.params[i] = params[i];
        if (SHARED_MOMENTS) {
            m.first[i] = first[i];
            m.second[i] = second[i];
        }
    }
    // Gathering ends with a barrier, before anyone reads the parameters: none is needed here or after a step of Adam.
    for (int step = 0; step < steps; step++) {
        real sums[REPORT] = {0, 0, 0, 0, 0};
        for (int at = 0; at < batch; at += LANES) {
            const int filled = batch - at < LANES ? batch - at : LANES;
            const bool is_last = at + LANES >= batch;
            gather(m, x, xdot, conditions, order + (size_t)step * batch, at, filled);
            pass<true>(m, settings, masses, filled, sums);
            sums[4] += weight_gradient<0>(m, at == 0, is_last, 0);
            // The next chunk overwrites what the gradient was taken from.
            if (!is_last) __syncthreads();
        }
        block_sum(shared, sums);
        real total = 0;
        for (int k = 0; k < 4; k++) {
            sums[k] *= settings[S_NORM + k];
            total += settings[S_WEIGHT + k] * sums[k];
        }
        const real norm = r_sqrt(sums[4]);
        if (!r_finite(total) || !r_finite(norm)) {
            if (threadIdx.x == 0) status[model] = step;
            break;
        }
        if (threadIdx.x < REPORT) report[(size_t)step * REPORT + threadIdx.x] = threadIdx.x < 4 ? sums[threadIdx.x] : norm;
        const real clip = settings[S_CLIP], scale = clip > real(0) && norm > clip ? clip / norm : real(1);
        const real* now = schedule + (size_t)step * SCHEDULE;
        for (int i = threadIdx.x; i < PARAMS; i += THREADS) {
            adam(settings, now, scale * m.gradient[i], m.params[i], m.first[i], m.second[i]);
            if (average) average[i] += now[H_AVERAGE] * (m.params[i] - average[i]);
        }
    }
    for (int i = threadIdx.x; i < PARAMS; i += THREADS) {
        if (SHARED_PARAMS) params[i] = m.params[i];
        if (SHARED_MOMENTS) {
            first[i] = m.first[i];
            second[i] = m.second[i];
        }
    }
}

// The four losses of every model on all `samples`; report [REPORT] per model, its last number 0.
extern "C" __global__ void __launch_bounds__(THREADS)
    ae_losses(real* params, real* workspace, const real* x, const real* xdot, const real* conditions,
              const real* settings, const real* masses, real* report, int samples) {
    DYNAMIC_SHARED(shared);
    params += (size_t)blockIdx.x * PARAMS;
    settings += (size_t)blockIdx.x * SETTINGS;
    Memory m = place(shared, workspace, params, nullptr, nullptr);
    for (int i = threadIdx.x; SHARED_PARAMS && i < PARAMS; i += THREADS) m.params[i] = params[i];
    real sums[REPORT] = {0, 0, 0, 0, 0};
    for (int at = 0; at < samples; at += LANES) {
        const int filled = samples - at < LANES ? samples - at : LANES;
        gather(m, x, xdot, conditions, nullptr, at, filled);
        pass<false>(m, settings, masses, filled, sums);
    }
    block_sum(shared, sums);
    if (threadIdx.x < REPORT)
        report[(size_t)blockIdx.x * REPORT + threadIdx.x] = threadIdx.x < 4 ? sums[threadIdx.x] * settings[S_NORM + threadIdx.x] : real(0);
}
