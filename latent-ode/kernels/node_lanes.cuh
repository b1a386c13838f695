// What the kernels of the latent neural ODE share: the lanes of a group of rays, what is given along them, one right-hand side.
//
// The kernel builder writes, in front of this text: the code of dense networks, the sizes LATENT and AUX (numbers given at a point),
// the choices LINEAR, STOPS, LOSS, ..., the tables of Tsit5 and of its step control, and the networks `encoder`, `field`, `decoder`. A tile
// of n features is n rows of LANES numbers, one a sample.
//
// One block steps one group of 32 rays as the loop of stiff-ode-solvers does its lanes: each with its own time, step and acceptance, all
// in the same stage. What concerns one lane is done by the thread of its number, what concerns a row of numbers by all threads; every
// sum is taken in a fixed order.
enum { LANES = DENSE_LANES };
#define TILE (LATENT * LANES)
// A kernel's workspace: dynamic shared memory where it fits, else the block's part of `room`.
#define WORKSPACE(in_shared, numbers)                                                                                   \
    DYNAMIC_SHARED(dynamic);                                                                                            \
    real* const work = in_shared ? dynamic : room + (size_t)blockIdx.x * (numbers);

// A function that is called from several places and long: one copy of it spares the compiler most of its time.
#ifdef __CUDACC_RTC__
#define ONE_COPY __noinline__
#else
#define ONE_COPY inline
#endif

// Numbers per lane, as the host writes them: where its ray begins among all points, the ray's points, the first of the solve, how many
// points are wanted, where their list begins, whether the lane counts (the last group is filled up with copies of its first lane).
enum { RAY = 0, LENGTH = 1, FIRST = 2, COUNT = 3, POINTS = 4, USED = 5, LANE = 6 };
// Numbers per lane that a solve leaves: accepted steps, rejected ones, whether it was given up.
enum { STEPS = 0, REJECTED = 1, FAILED = 2, STATUS = 3 };

__device__ inline float r_pow(float x, float y) { return powf(x, y); }
__device__ inline double r_pow(double x, double y) { return pow(x, y); }

// The rays and the lanes of one group.
struct Group {
    const real *s, *aux;
    const int *lanes, *points;

    __device__ const int* lane(int l) const { return lanes + l * LANE; }
    __device__ const real* grid(int l) const { return s + lane(l)[RAY]; }
    // Which point of its ray output k of a lane is, and its place s.
    __device__ int point(int l, int k) const { return points[lane(l)[POINTS] + k]; }
    __device__ real time(int l, int k) const { return grid(l)[point(l, k)]; }
    __device__ real start(int l) const { return grid(l)[lane(l)[FIRST]]; }
    __device__ real end(int l) const { return time(l, lane(l)[COUNT] - 1); }
};

// Where each lane is on its grid: an interval, and how far in it (0 where the value at its beginning counts).
struct Place {
    int interval[LANES];
    real fraction[LANES];
};

// What is given at time `at` of each lane, into the rows of the field's input below the latent state.
__device__ inline void give(const Group& group, const real* t, const real* h, real node, Place& place, real* input) {
    if (threadIdx.x < LANES) {
        const int l = threadIdx.x, last = group.lane(l)[LENGTH] - 1;
        const real *s = group.grid(l), at = t[l] + h[l] * node;
        int k = place.interval[l];
        // Times move little from stage to stage.
        while (k > 0 && at < s[k]) k--;
        while (k < last && at >= s[k + 1]) k++;
        place.interval[l] = k;
        place.fraction[l] = !LINEAR || k == last || at <= s[k] ? real(0) : (at - s[k]) / (s[k + 1] - s[k]);
    }
    __syncthreads();
    for (int item = threadIdx.x; item < AUX * LANES; item += THREADS) {
        const int l = item % LANES, a = item / LANES;
        const real* here = group.aux + (size_t)(group.lane(l)[RAY] + place.interval[l]) * AUX + a;
        const real f = place.fraction[l];
        input[TILE + item] = f == real(0) ? here[0] : here[0] + f * (here[AUX] - here[0]);
    }
    __syncthreads();
}

// The polynomial of stage j of the dense output at a fraction of the step.
__device__ inline real interpolant(int j, real x) {
    const real* c = INTERPOLANT[j];
    return x * (c[0] + x * (c[1] + x * (c[2] + x * c[3])));
}
