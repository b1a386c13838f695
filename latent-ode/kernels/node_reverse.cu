// The way back through the recorded steps of a group: the discrete adjoint of Tsit5 with its dense output, lengths of steps held constant.

// A lane in one row of the tape.
struct Row {
    real t[LANES], h[LANES], end[LANES];
    // Outputs that fall into the step: the first, and one past the last.
    int from[LANES], to[LANES];
};

// The row of a lane's tape; beyond its last step a step of no length, through which cotangents pass unchanged.
__device__ inline void read_row(Row& row, const Group& group, const real* steps, const int* firsts, int count, int r, int l) {
    const int outputs = group.lane(l)[COUNT];
    const bool taken = r < count;
    row.t[l] = taken ? steps[2 * r * LANES + l] : group.start(l);
    row.h[l] = taken ? steps[(2 * r + 1) * LANES + l] : real(0);
    row.from[l] = taken ? firsts[r * LANES + l] : outputs;
    const bool last = r + 1 >= count;
    row.to[l] = last ? outputs : firsts[(r + 1) * LANES + l];
    row.end[l] = last ? group.end(l) : steps[2 * (r + 1) * LANES + l];
}

// The product of a slope's cotangent with the derivative of the right-hand side.
__device__ ONE_COPY void slope_product(const real* params, const real* input, const real* bar, real* product, real* out, real* memory,
                                       real* gradient, real* scratch) {
    field_forward(params, input, out, memory);
    field_reverse(params, input, memory, bar, product, gradient, scratch);
}

// Cotangents of the starts, written, and of the field's parameters, added to `gradient` (one for each block, cleared before), from those
// of the outputs. Of `work`: cotangents of seven slopes, of the step's start and end, of the slope shared with the next step; the field's
// input and its cotangent, its output, its memory and scratch.
extern "C" __global__ void __launch_bounds__(THREADS)
node_reverse(const real* params, const real* s, const real* aux, const int* lanes, const int* points, const real* bars, const real* tape,
             const real* steps, const int* firsts, const int* status, real* room, real* z_bar, real* gradient, int most, int capacity) {
    WORKSPACE(REVERSE_SHARED, REVERSE_WORK)
    __shared__ Row row;
    __shared__ Place place;
    __shared__ int counts[LANES];
    const size_t g = blockIdx.x;
    const Group group = {s, aux, lanes + g * LANES * LANE, points};
    real *slopes = work, *start = slopes + 7 * TILE, *end = start + TILE, *shared = end + TILE, *input = shared + TILE;
    real *product = input + TILE + AUX * LANES, *out = product + TILE + AUX * LANES, *memory = out + TILE, *scratch = memory + field_MEMORY;
    bars += g * most * TILE;
    tape += g * (capacity + 1) * 6 * TILE;
    steps += g * capacity * 2 * LANES;
    firsts += g * capacity * LANES;
    status += g * (LANES * STATUS + 1);
    gradient += g * field_PARAMS;
    const int tid = threadIdx.x;

    dense_clear(gradient, field_PARAMS);
    for (int item = tid; item < TILE; item += THREADS) start[item] = end[item] = shared[item] = real(0);
    if (tid < LANES) {
        // What was given up counts nothing.
        counts[tid] = status[tid * STATUS + FAILED] ? 0 : status[tid * STATUS + STEPS];
        place.interval[tid] = group.lane(tid)[FIRST];
    }
    __syncthreads();
    int rows = 0;
    for (int l = 0; l < LANES; l++) rows = counts[l] > rows ? counts[l] : rows;

    for (int r = rows - 1; r >= 0; r--) {
        if (tid < LANES) read_row(row, group, steps, firsts, counts[tid], r, tid);
        __syncthreads();
        for (int item = tid; item < TILE; item += THREADS) {
            const int l = item % LANES;
            real sums[7] = {0, 0, 0, 0, 0, 0, shared[item]}, at_start = 0, at_end = end[item];
            for (int k = row.from[l]; k < row.to[l]; k++) {
                const real bar = bars[k * TILE + item], time = group.time(l, k);
                if (time == row.end[l]) {
                    at_end += bar;
                    continue;
                }
                at_start += bar;
                const real theta = (time - row.t[l]) / row.h[l];
                for (int j = 0; j < 7; j++) sums[j] += interpolant(j, theta) * row.h[l] * bar;
            }
            for (int j = 0; j < 7; j++) slopes[j * TILE + item] = sums[j];
            start[item] = at_start;
            end[item] = at_end;
        }
        for (int stage = 6; stage > 0; stage--) {
            for (int item = tid; item < TILE; item += THREADS)
                input[item] = r < counts[item % LANES] ? tape[((size_t)r * 6 + stage) * TILE + item] : real(0);
            give(group, row.t, row.h, NODES[stage], place, input);
            slope_product(params, input, slopes + stage * TILE, product, out, memory, gradient, scratch);
            for (int item = tid; item < TILE; item += THREADS) {
                const real h = row.h[item % LANES], bar = product[item] + (stage == 6 ? end[item] : real(0));
                start[item] += bar;
                for (int j = 0; j < stage; j++) slopes[j * TILE + item] += h * WEIGHTS[stage][j] * bar;
            }
        }
        for (int item = tid; item < TILE; item += THREADS) {
            shared[item] = slopes[item];
            end[item] = start[item];
        }
        __syncthreads();
    }

    if (rows > 0) {
        if (tid < LANES) read_row(row, group, steps, firsts, counts[tid], 0, tid);
        for (int item = tid; item < TILE; item += THREADS) input[item] = counts[item % LANES] > 0 ? tape[item] : real(0);
        give(group, row.t, row.h, real(0), place, input);
        slope_product(params, input, shared, product, out, memory, gradient, scratch);
        for (int item = tid; item < TILE; item += THREADS) end[item] += product[item];
    }
    for (int item = tid; item < TILE; item += THREADS) {
        const int l = item % LANES;
        const bool begins = group.lane(l)[COUNT] > 0 && group.time(l, 0) == group.start(l);
        z_bar[g * TILE + item] = end[item] + (begins ? bars[item] : real(0));
    }
}
