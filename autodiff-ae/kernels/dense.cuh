// Plain dense networks (value alone) on tiles of 32 samples, each tile by all threads of one block together.
//
// The kernel builder writes REAL, THREADS and the prelude in front of this text, and behind it what `dense::source` says of each
// network: its layers, its sizes, its functions PREFIX_forward, PREFIX_value and PREFIX_reverse, which call what is here.
//
// A tile of n features is n rows of 32 numbers, one a sample, as a Batch holds them in its blocks; it begins at a multiple of 16
// bytes, in shared or in global memory. Parameters may begin anywhere. A thread works on four samples of up to four rows: every
// weight it reads feeds four products, every value as many, and eight neighbouring threads read one row of a tile without bank
// conflicts. Every sum is taken by one thread in a fixed order: two runs give the same bits.
//
// All functions must be called by all threads of a block, find their arguments complete (a barrier before), and end with a barrier.

enum { DENSE_LANES = 32, DENSE_QUAD = 4, DENSE_QUADS = DENSE_LANES / DENSE_QUAD };

// Four neighbouring samples of a row.
struct alignas(16) DenseQuad {
    real v[DENSE_QUAD];
};

__device__ inline DenseQuad& dense_quad(real* tile, int row, int q) {
    return reinterpret_cast<DenseQuad*>(tile)[row * DENSE_QUADS + q];
}
__device__ inline const DenseQuad& dense_quad(const real* tile, int row, int q) {
    return reinterpret_cast<const DenseQuad*>(tile)[row * DENSE_QUADS + q];
}

// Rows computed by one thread: four, or fewer where a layer is too small to give every thread so much.
__device__ constexpr int dense_rows(int rows) {
    return rows * DENSE_QUADS >= 4 * THREADS ? 4 : (rows * DENSE_QUADS >= 2 * THREADS ? 2 : 1);
}
// Side of the square of weights whose gradients one thread takes.
__device__ constexpr int dense_side(int outputs, int inputs) {
    return outputs * inputs >= 16 * THREADS ? 4 : (outputs * inputs >= 4 * THREADS ? 2 : 1);
}

// y = sigma(W x + b), with x added where the layer is residual; sigma' goes to `slope` unless that is null.
template <class Layer> __device__ inline void dense_layer_forward(const real* params, const real* x, real* y, real* slope) {
    constexpr int N = Layer::INPUTS, M = Layer::OUTPUTS, R = dense_rows(M);
    const real *w = params + Layer::WEIGHT, *b = w + N * M;
    for (int item = threadIdx.x; item < (M + R - 1) / R * DENSE_QUADS; item += THREADS) {
        const int q = item % DENSE_QUADS, first = item / DENSE_QUADS * R;
        const real* row[R];
        real u[R][DENSE_QUAD];
        for (int r = 0; r < R; r++) {
            // A row beyond the last is the last again, and not kept.
            const int o = first + r < M ? first + r : M - 1;
            row[r] = w + (size_t)o * N;
            for (int l = 0; l < DENSE_QUAD; l++) u[r][l] = b[o];
        }
#pragma unroll 4
        for (int k = 0; k < N; k++) {
            const DenseQuad xk = dense_quad(x, k, q);
            for (int r = 0; r < R; r++) {
                const real wk = row[r][k];
                for (int l = 0; l < DENSE_QUAD; l++) u[r][l] += wk * xk.v[l];
            }
        }
        for (int r = 0; r < R; r++) {
            const int o = first + r;
            if (o >= M) break;
            DenseQuad value, derivative;
            for (int l = 0; l < DENSE_QUAD; l++) {
                real second;
                activation(Layer::ACTIVATION, u[r][l], value.v[l], derivative.v[l], second);
            }
            if (Layer::RESIDUAL) {
                const DenseQuad& added = dense_quad(x, o, q);
                for (int l = 0; l < DENSE_QUAD; l++) value.v[l] += added.v[l];
            }
            dense_quad(y, o, q) = value;
            if (slope) dense_quad(slope, o, q) = derivative;
        }
    }
    __syncthreads();
}

// Layers L.. of a network, keeping the outputs of all layers but the last in `values` and every sigma' in `slopes`.
template <class Net, int L>
__device__ inline void dense_forward(const real* params, const real* x, real* out, real* values, real* slopes) {
    typedef typename Net::template Layer<L> Layer;
    constexpr bool LAST = L == Net::LAYERS - 1;
    real* y = LAST ? out : values + Layer::VALUE;
    dense_layer_forward<Layer>(params, x, y, slopes + Layer::SLOPE);
    if constexpr (!LAST) dense_forward<Net, L + 1>(params, y, out, values, slopes);
}

// Layers L.. of a network, nothing kept: hidden layers go to and fro between two tiles of the scratch.
template <class Net, int L> __device__ inline void dense_value(const real* params, const real* x, real* out, real* scratch) {
    typedef typename Net::template Layer<L> Layer;
    constexpr bool LAST = L == Net::LAYERS - 1;
    real* y = LAST ? out : scratch + L % 2 * Net::TILE;
    dense_layer_forward<Layer>(params, x, y, nullptr);
    if constexpr (!LAST) dense_value<Net, L + 1>(params, y, out, scratch);
}

// Adds the gradients of a layer's weights and biases, from its input and the cotangents `bar` of its pre-activations.
template <class Layer> __device__ inline void dense_weight_gradient(const real* x, const real* bar, real* gradient) {
    constexpr int N = Layer::INPUTS, M = Layer::OUTPUTS, S = dense_side(M, N), ACROSS = (N + S - 1) / S;
    real* to = gradient + Layer::WEIGHT;
    for (int item = threadIdx.x; item < (M + S - 1) / S * ACROSS; item += THREADS) {
        const int i = item % ACROSS * S, o = item / ACROSS * S;
        real sum[S][S];
        for (int r = 0; r < S; r++)
            for (int c = 0; c < S; c++) sum[r][c] = real(0);
#pragma unroll 2
        for (int j = 0; j < DENSE_QUADS; j++) {
            // Neighbouring threads read different rows: each begins at samples of its own, so that they meet in no bank.
            const int q = (item + j) % DENSE_QUADS;
            DenseQuad a[S], b[S];
            for (int r = 0; r < S; r++) {
                a[r] = dense_quad(bar, o + r < M ? o + r : M - 1, q);
                b[r] = dense_quad(x, i + r < N ? i + r : N - 1, q);
            }
            for (int r = 0; r < S; r++)
                for (int c = 0; c < S; c++)
                    for (int l = 0; l < DENSE_QUAD; l++) sum[r][c] += a[r].v[l] * b[c].v[l];
        }
        for (int r = 0; r < S && o + r < M; r++)
            for (int c = 0; c < S && i + c < N; c++) to[(size_t)(o + r) * N + i + c] += sum[r][c];
    }
    // Biases go to the threads from the last on, which had fewer weights.
    for (int o = THREADS - 1 - threadIdx.x; o < M; o += THREADS) {
        real sum = real(0);
        for (int j = 0; j < DENSE_QUADS; j++) {
            const DenseQuad& a = dense_quad(bar, o, (o + j) % DENSE_QUADS);
            for (int l = 0; l < DENSE_QUAD; l++) sum += a.v[l];
        }
        to[(size_t)N * M + o] += sum;
    }
}

// Cotangents of a layer's input from those of its pre-activations, `bar`, and of its output, `carry` (read where it is residual).
// For the first layer they go to `to`; else, times `slope`, they are those of the pre-activations of the layer Below, and where
// that is residual they replace `carry`.
template <class Layer, class Below, bool FIRST>
__device__ inline void dense_layer_reverse(const real* params, const real* bar, real* carry, const real* slope, real* to) {
    constexpr int N = Layer::INPUTS, M = Layer::OUTPUTS, R = dense_rows(N);
    const real* w = params + Layer::WEIGHT;
    for (int item = threadIdx.x; item < (N + R - 1) / R * DENSE_QUADS; item += THREADS) {
        const int q = item % DENSE_QUADS, first = item / DENSE_QUADS * R;
        int column[R];
        real sum[R][DENSE_QUAD];
        for (int r = 0; r < R; r++) {
            column[r] = first + r < N ? first + r : N - 1;
            for (int l = 0; l < DENSE_QUAD; l++) sum[r][l] = real(0);
        }
#pragma unroll 4
        for (int o = 0; o < M; o++) {
            const DenseQuad u = dense_quad(bar, o, q);
            const real* row = w + (size_t)o * N;
            for (int r = 0; r < R; r++) {
                const real wo = row[column[r]];
                for (int l = 0; l < DENSE_QUAD; l++) sum[r][l] += wo * u.v[l];
            }
        }
        for (int r = 0; r < R; r++) {
            const int i = first + r;
            if (i >= N) break;
            DenseQuad a;
            for (int l = 0; l < DENSE_QUAD; l++) a.v[l] = sum[r][l];
            if (Layer::RESIDUAL) {
                const DenseQuad& through = dense_quad(carry, i, q);
                for (int l = 0; l < DENSE_QUAD; l++) a.v[l] += through.v[l];
            }
            if constexpr (!FIRST) {
                if (Below::RESIDUAL) dense_quad(carry, i, q) = a;
                const DenseQuad& d = dense_quad(slope, i, q);
                for (int l = 0; l < DENSE_QUAD; l++) a.v[l] *= d.v[l];
            }
            dense_quad(to, i, q) = a;
        }
    }
}

// Layers L..0 in reverse. `bar` holds the cotangents of layer L's pre-activations, `other` takes those of the layer below.
template <class Net, int L>
__device__ inline void dense_reverse(const real* params, const real* in, const real* values, const real* slopes, real* bar,
                                     real* other, real* carry, real* in_bar, real* gradient) {
    typedef typename Net::template Layer<L> Layer;
    if constexpr (L > 0) {
        typedef typename Net::template Layer<L - 1> Below;
        dense_weight_gradient<Layer>(values + Below::VALUE, bar, gradient);
        dense_layer_reverse<Layer, Below, false>(params, bar, carry, slopes + Below::SLOPE, other);
        __syncthreads();
        dense_reverse<Net, L - 1>(params, in, values, slopes, other, bar, carry, in_bar, gradient);
    } else {
        dense_weight_gradient<Layer>(in, bar, gradient);
        if (in_bar) dense_layer_reverse<Layer, Layer, true>(params, bar, carry, nullptr, in_bar);
        __syncthreads();
    }
}

// The whole way back, from the cotangents of the output; scratch as PREFIX_SCRATCH says.
template <class Net>
__device__ inline void dense_product(const real* params, const real* in, const real* values, const real* slopes,
                                     const real* out_bar, real* in_bar, real* gradient, real* scratch) {
    typedef typename Net::template Layer<Net::LAYERS - 1> Last;
    const real* slope = slopes + Last::SLOPE;
    for (int i = threadIdx.x; i < Last::OUTPUTS * DENSE_LANES; i += THREADS) scratch[i] = slope[i] * out_bar[i];
    __syncthreads();
    real *other = scratch + Net::TILE, *carry = other + Net::TILE;
    dense_reverse<Net, Net::LAYERS - 1>(params, in, values, slopes, scratch, other, carry, in_bar, gradient);
}

// Sets an array to zero.
__device__ inline void dense_clear(real* a, int len) {
    for (int i = threadIdx.x; i < len; i += THREADS) a[i] = real(0);
    __syncthreads();
}

// The sum of one number of every thread, the same in all of them. `scratch` holds THREADS numbers.
__device__ inline real dense_sum(real v, real* scratch) {
    scratch[threadIdx.x] = v;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
        __syncthreads();
    }
    const real sum = scratch[0];
    __syncthreads();
    return sum;
}

// Sums over the blocks that shared a network's samples: sums[n][len] from partial[n][parts][len], `count` = n * len.
extern "C" __global__ void __launch_bounds__(THREADS)
    dense_reduce(const real* partial, real* sums, unsigned long long count, unsigned long long len, int parts) {
    for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < count; i += (size_t)gridDim.x * THREADS) {
        const real* from = partial + i / len * len * parts + i % len;
        real sum = real(0);
        for (int p = 0; p < parts; p++) sum += from[(size_t)p * len];
        sums[i] = sum;
    }
}
