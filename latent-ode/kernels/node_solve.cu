// The latent solves: one block steps one group of rays by Tsit5 from their starts to their last points, writes the states at the points
// wanted and records the accepted steps for the way back.

// The loop's knowledge of its lanes.
struct Control {
    real t[LANES], h[LANES], last[LANES], ahead[LANES], end[LANES], error[LANES];
    // log2 of the errors of the two accepted steps before.
    double before[LANES], earlier[LANES];
    int next_stop[LANES], next_output[LANES], attempts[LANES], not_finite[LANES], steps[LANES], rejected[LANES];
    bool active[LANES], accepted[LANES], failed[LANES];
    // A lane has more steps than the tape has room for.
    bool full;
};

union Bits {
    double number;
    unsigned long long bits;
};

// log2 of a positive normal number, by the polynomial of the CPU's step control: equal steps need equal factors.
__device__ inline double control_log2(double x) {
    Bits whole, mantissa;
    whole.number = x;
    const unsigned long long shifted = whole.bits + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
    const long long e = (long long)(shifted >> 52) - 1023;
    mantissa.bits = whole.bits - ((unsigned long long)e << 52);
    const double z = (mantissa.number - 1.0) / (mantissa.number + 1.0), z2 = z * z;
    return (double)e + z * (2.8853900817779268 + z2 * (0.9617966939259756 + z2 * (0.5770780163555853 + z2 * 0.4121985831111324)));
}

// 2^x for |x| < 1000, likewise.
__device__ inline double control_exp2(double x) {
    const double whole = round(x), r = (x - whole) * 0.6931471805599453;
    const double fraction = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    Bits power;
    power.bits = (unsigned long long)((long long)whole + 1023) << 52;
    return fraction * power.number;
}

// Norm of x in units of the tolerances at the larger of y and z, of one lane: the root of the mean square, or of the worst component's
// share.
__device__ inline real norm(const real* x, const real* y, const real* z, int l) {
    real sums[4] = {0, 0, 0, 0}, largest = 0;
    for (int i = 0; i < LATENT; i++) {
        const real a = r_abs(y[i * LANES + l]), b = r_abs(z[i * LANES + l]), v = x[i * LANES + l];
        const real scale = real(ATOL) + real(RTOL) * (a > b ? a : b);
        const real q = scale == real(0) && v == real(0) ? real(0) : v / scale, square = q * q;
        sums[i % 4] += square;
        largest = square > largest ? square : largest;
    }
    const real mean = (sums[0] + sums[1] + sums[2] + sums[3]) / real(LATENT), worst = largest / real(WORST_SHARE);
    return r_sqrt(worst > mean ? worst : mean);
}

// Factor for the next step after an accepted one; its error becomes part of the past.
__device__ inline real after_accepted(Control& c, int l) {
    const double error = (double)c.error[l], log = control_log2(error > 1e-10 ? error : 1e-10);
    const double exponent = BETA * c.before[l] - ALPHA * log - GAMMA * c.earlier[l];
    c.earlier[l] = c.before[l];
    c.before[l] = log;
    const real factor = real(SAFETY) * real(control_exp2(exponent)), least = real(LEAST_AFTER_ACCEPTED), most = real(MOST_FACTOR);
    const real raised = factor > least ? factor : least;
    return raised < most ? raised : most;
}

// A smaller step after a failed attempt; whether there is none.
__device__ inline bool reject(Control& c, int l, bool sound) {
    c.rejected[l]++;
    real factor = real(0.1);
    if (sound) {
        c.not_finite[l] = 0;
        factor = real(SAFETY) * r_pow(c.error[l], real(-1) / real(ORDER));
        factor = factor > real(LEAST_FACTOR) ? factor : real(LEAST_FACTOR);
        factor = factor < real(0.9) ? factor : real(0.9);
    } else {
        c.not_finite[l]++;
    }
    c.h[l] *= factor;
    const real step = r_abs(c.h[l]);
    const bool small = step < r_abs(c.t[l]) * real(EPSILON) * real(4) || step == real(0);
    return small || (!sound && c.not_finite[l] > MOST_NOT_FINITE);
}

// No step beyond the end of the span, or beyond the next point of the grid where steps must end there.
__device__ inline void clamp(Control& c, const Group& group, int l) {
    if (STOPS) {
        const int *lane = group.lane(l), end = group.point(l, lane[COUNT] - 1);
        const real* s = group.grid(l);
        int k = lane[FIRST] + c.next_stop[l];
        while (k <= end && s[k] - c.t[l] <= real(0)) k++;
        c.next_stop[l] = k - lane[FIRST];
        c.ahead[l] = k <= end && c.last[l] - s[k] > real(0) ? s[k] : c.last[l];
    }
    const real left = c.ahead[l] - c.t[l];
    // A hair's breadth left over would cost a step of its own.
    if (r_abs(left) <= r_abs(c.h[l]) * real(1.0 + 1e-6)) c.h[l] = left;
}

// A lane before its first step.
__device__ inline void begin_lane(Control& c, const Group& group, int l) {
    const int* lane = group.lane(l);
    c.t[l] = group.start(l);
    c.last[l] = c.ahead[l] = lane[COUNT] > 0 ? group.end(l) : c.t[l];
    c.h[l] = (c.last[l] - c.t[l]) * real(1e-6);
    c.end[l] = c.t[l];
    c.before[l] = c.earlier[l] = 0.0;
    c.next_stop[l] = c.attempts[l] = c.not_finite[l] = c.steps[l] = c.rejected[l] = 0;
    c.next_output[l] = lane[COUNT] > 0 && group.time(l, 0) == c.t[l];
    c.active[l] = c.t[l] != c.last[l];
    c.accepted[l] = c.failed[l] = false;
}

// Hairer, Nørsett & Wanner's first guess of the first step.
__device__ inline real first_guess(const Control& c, const real* y, const real* slope, int l) {
    const real size = norm(y, y, y, l), change = norm(slope, y, y, l), span = r_abs(c.last[l] - c.t[l]), small = real(1e-5);
    const real guess = size < small || change < small ? span * real(1e-6) : real(0.01) * size / change;
    return guess < span ? guess : span;
}

// The first step, refined by the change of slope over the guess.
__device__ inline real first_step(const Control& c, const real* y, const real* slope, const real* bend, real guess, int l) {
    const real change = norm(slope, y, y, l), curvature = norm(bend, y, y, l);
    const real largest = curvature > change ? curvature : change;
    real step = largest <= real(1e-15) ? guess * real(1e-3) : r_pow(real(0.01) / largest, real(1) / real(ORDER));
    step = r_finite(step) ? step : guess;
    step = step < guess * real(100) ? step : guess * real(100);
    const real least = r_abs(c.t[l]) * real(EPSILON) * real(16);
    return step > least ? step : least;
}

// Accepts or rejects an attempt of one lane.
__device__ inline void judge(Control& c, const real* y, const real* y_new, const real* error, int l, int capacity) {
    c.accepted[l] = false;
    if (!c.active[l]) return;
    c.error[l] = norm(error, y, y_new, l);
    real probe = 0;
    for (int i = 0; i < LATENT; i++) probe += y_new[i * LANES + l] * real(0);
    c.attempts[l]++;
    const bool sound = probe == real(0) && r_finite(c.error[l]);
    c.accepted[l] = sound && c.error[l] <= real(1);
    if (!c.accepted[l]) {
        if (reject(c, l, sound)) c.failed[l] = true;
    } else if (c.steps[l] >= capacity) {
        c.full = true;
    }
    c.end[l] = c.h[l] == c.ahead[l] - c.t[l] ? c.ahead[l] : c.t[l] + c.h[l];
}

// Time, step and end of a lane after an attempt.
__device__ inline void advance(Control& c, const Group& group, int l) {
    if (!c.active[l]) return;
    if (c.accepted[l]) {
        while (c.next_output[l] < group.lane(l)[COUNT] && group.time(l, c.next_output[l]) <= c.end[l]) c.next_output[l]++;
        c.steps[l]++;
        c.h[l] *= after_accepted(c, l);
        c.t[l] = c.end[l];
        c.not_finite[l] = 0;
    }
    const bool done = c.accepted[l] && c.t[l] == c.last[l];
    if (!done && c.attempts[l] >= MAX_STEPS) c.failed[l] = true;
    if (done || c.failed[l]) c.active[l] = false;
}

__device__ inline bool any_active(const Control& c) {
    bool any = false;
    for (int l = 0; l < LANES; l++) any |= c.active[l];
    return any && !c.full;
}

// The right-hand side.
__device__ ONE_COPY void slope_at(const real* params, const real* input, real* slope, real* scratch) {
    field_value(params, input, slope, scratch);
}

// Steps all lanes of a group from the states in `z`. Of `work`: state, new state, error, seven slopes, the field's input, five states of stages, scratch.
// The tape of a group: for each row of steps the arguments of stages 1 to 6 (after a lane's last step its final state), t and h, and
// which output comes first. `status`: STATUS numbers a lane, and behind them whether the tape was too short.
extern "C" __global__ void __launch_bounds__(THREADS)
node_solve(const real* params, const real* s, const real* aux, const int* lanes, const int* points, const real* z, real* room, real* outputs,
           real* tape, real* steps, int* firsts, int* status, int most, int capacity) {
    WORKSPACE(SOLVE_SHARED, SOLVE_WORK)
    __shared__ Control c;
    __shared__ Place place;
    __shared__ real guess[LANES];
    const size_t g = blockIdx.x;
    const Group group = {s, aux, lanes + g * LANES * LANE, points};
    real *y = work, *y_new = y + TILE, *error = y_new + TILE, *slopes = error + TILE, *input = slopes + 7 * TILE;
    real *stages = input + TILE + AUX * LANES, *scratch = stages + 5 * TILE;
    outputs += g * most * TILE;
    tape += g * (capacity + 1) * 6 * TILE;
    steps += g * capacity * 2 * LANES;
    firsts += g * capacity * LANES;
    status += g * (LANES * STATUS + 1);
    const int tid = threadIdx.x;

    if (tid == 0) c.full = false;
    if (tid < LANES) {
        begin_lane(c, group, tid);
        place.interval[tid] = 0;
    }
    // What is not reached stays 0.
    for (int item = tid; item < most * TILE; item += THREADS) outputs[item] = real(0);
    __syncthreads();
    for (int item = tid; item < TILE; item += THREADS) {
        y[item] = z[g * TILE + item];
        input[item] = y[item];
        if (c.next_output[item % LANES]) outputs[item] = y[item];
    }
    __syncthreads();
    // A start that is no number in any lane ends the whole group, as on the CPU.
    bool finite = true;
    for (int item = 0; item < TILE; item++) finite &= r_finite(y[item]);
    if (!finite && tid < LANES) {
        c.active[tid] = false;
        c.failed[tid] = true;
    }
    __syncthreads();

    if (any_active(c)) {
        give(group, c.t, c.h, real(0), place, input);
        slope_at(params, input, slopes, scratch);
        if (tid < LANES) guess[tid] = first_guess(c, y, slopes, tid);
        __syncthreads();
        for (int item = tid; item < TILE; item += THREADS) input[item] = y[item] + guess[item % LANES] * slopes[item];
        give(group, c.t, guess, real(1), place, input);
        slope_at(params, input, error, scratch);
        for (int item = tid; item < TILE; item += THREADS) error[item] = (error[item] - slopes[item]) / guess[item % LANES];
        __syncthreads();
        if (tid < LANES && c.active[tid]) c.h[tid] = first_step(c, y, slopes, error, guess[tid], tid);
    }

    while (any_active(c)) {
        if (tid < LANES && c.active[tid]) clamp(c, group, tid);
        __syncthreads();
        for (int stage = 1; stage < 7; stage++) {
            real* const state = stage < 6 ? stages + (stage - 1) * TILE : y_new;
            for (int item = tid; item < TILE; item += THREADS) {
                const real h = c.h[item % LANES];
                real sum = y[item];
                for (int j = 0; j < stage; j++) sum += h * WEIGHTS[stage][j] * slopes[j * TILE + item];
                state[item] = input[item] = sum;
            }
            give(group, c.t, c.h, NODES[stage], place, input);
            slope_at(params, input, slopes + stage * TILE, scratch);
        }
        for (int item = tid; item < TILE; item += THREADS) {
            const real h = c.h[item % LANES];
            real sum = 0;
            for (int j = 0; j < 7; j++) sum += h * ERRORS[j] * slopes[j * TILE + item];
            error[item] = sum;
        }
        __syncthreads();
        if (tid < LANES) {
            const real t = c.t[tid], h = c.h[tid];
            judge(c, y, y_new, error, tid, capacity);
            if (c.accepted[tid] && c.steps[tid] < capacity) {
                const int row = c.steps[tid];
                steps[(2 * row) * LANES + tid] = t;
                steps[(2 * row + 1) * LANES + tid] = h;
                firsts[row * LANES + tid] = c.next_output[tid];
            }
        }
        __syncthreads();
        if (c.full) break;
        for (int item = tid; item < TILE; item += THREADS) {
            const int l = item % LANES;
            if (!c.accepted[l]) continue;
            real* const row = tape + (size_t)c.steps[l] * 6 * TILE + item;
            row[0] = y[item];
            for (int stage = 1; stage < 6; stage++) row[stage * TILE] = stages[(stage - 1) * TILE + item];
            row[6 * TILE] = y_new[item];
            const real t = c.t[l], h = c.h[l];
            for (int k = c.next_output[l]; k < group.lane(l)[COUNT]; k++) {
                const real due = group.time(l, k);
                if (!(due <= c.end[l])) break;
                real sum = y[item];
                for (int j = 0; j < 7; j++) sum += interpolant(j, (due - t) / h) * h * slopes[j * TILE + item];
                outputs[k * TILE + item] = due == c.end[l] ? y_new[item] : sum;
            }
        }
        __syncthreads();
        if (tid < LANES) advance(c, group, tid);
        for (int item = tid; item < TILE; item += THREADS) {
            if (!c.accepted[item % LANES]) continue;
            y[item] = y_new[item];
            slopes[item] = slopes[6 * TILE + item];
        }
        __syncthreads();
    }
    for (int item = tid; item < most * TILE; item += THREADS)
        if (c.failed[item % LANES]) outputs[item] = real(0);
    if (tid < LANES) {
        status[tid * STATUS + STEPS] = c.steps[tid];
        status[tid * STATUS + REJECTED] = c.rejected[tid];
        status[tid * STATUS + FAILED] = c.failed[tid];
    }
    if (tid == 0) status[LANES * STATUS] = c.full;
}
