// What all kernels share: the number type `real`, mathematics for it, activations with their derivatives, one optimiser step.
// Put in front of every source; REAL is defined by the kernel builder as float or double.
typedef REAL real;

#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name)                                                                                            \
    extern __shared__ __align__(16) unsigned char name##_bytes[];                                                       \
    real* const name = reinterpret_cast<real*>(name##_bytes)
#endif

__device__ inline float r_exp(float x) { return expf(x); }
__device__ inline double r_exp(double x) { return exp(x); }
__device__ inline float r_tanh(float x) { return tanhf(x); }
__device__ inline double r_tanh(double x) { return tanh(x); }
__device__ inline float r_log1p(float x) { return log1pf(x); }
__device__ inline double r_log1p(double x) { return log1p(x); }
__device__ inline float r_sqrt(float x) { return sqrtf(x); }
__device__ inline double r_sqrt(double x) { return sqrt(x); }
__device__ inline float r_abs(float x) { return fabsf(x); }
__device__ inline double r_abs(double x) { return fabs(x); }
// x - x is 0 for finite x and NaN otherwise; no header is needed for it.
__device__ inline bool r_finite(real x) { return x - x == real(0); }
__device__ inline real r_sign(real x) { return x > real(0) ? real(1) : (x < real(0) ? real(-1) : x); }

// Numbers of the activations, as the kernel builder writes them.
enum { RELU = 0, TANH = 1, SILU = 2, SOFTPLUS = 3, IDENTITY = 4 };

__device__ inline real r_sigmoid(real u) {
    const real e = r_exp(-r_abs(u));
    return (u >= real(0) ? real(1) : e) / (real(1) + e);
}

// Value a, first derivative d and second derivative c of an activation at u.
__device__ inline void activation(int kind, real u, real& a, real& d, real& c) {
    switch (kind) {
    case RELU:
        // NaN goes through, so that a diverged training is noticed.
        a = u > real(0) ? u : (u == u ? real(0) : u);
        d = u > real(0) ? real(1) : (u == u ? real(0) : u);
        c = u == u ? real(0) : u;
        break;
    case TANH:
        a = r_tanh(u);
        d = real(1) - a * a;
        c = real(-2) * a * d;
        break;
    case SILU: {
        const real s = r_sigmoid(u), t = r_sigmoid(-u);
        a = u * s;
        d = s * (real(1) + u * t);
        c = s * t * (real(2) + u * (t - s));
        break;
    }
    case SOFTPLUS: {
        const real s = r_sigmoid(u), t = r_sigmoid(-u);
        a = (u > real(0) ? u : real(0)) + r_log1p(r_exp(-r_abs(u)));
        // The maximum above drops a NaN.
        a = u == u ? a : u;
        d = s;
        c = s * t;
        break;
    }
    default:
        a = u;
        d = real(1);
        c = real(0);
    }
}

// Numbers per member of the ensemble, as the host writes them.
enum { S_FACTOR = 0, S_NORM = 4, S_WEIGHT = 8, S_BETA1 = 12, S_BETA2 = 13, S_EPSILON = 14, S_CLIP = 15, SETTINGS = 16 };
// Numbers per step and member: rate with the first moment's correction, the second moment's correction, 1 - rate * weight decay,
// and how far the average of the parameters moves.
enum { H_RATE = 0, H_SECOND = 1, H_KEEP = 2, H_AVERAGE = 3, SCHEDULE = 4 };
// Numbers reported per step and member: L0, L1, L2, L3, the gradient's norm before clipping.
enum { REPORT = 5 };

// One parameter's step of Adam (Kingma & Ba 2015) with decoupled decay (Loshchilov & Hutter 2019).
__device__ inline void adam(const real* settings, const real* schedule, real gradient, real& p, real& m, real& v) {
    const real b1 = settings[S_BETA1], b2 = settings[S_BETA2];
    m = m * b1 + gradient * (real(1) - b1);
    v = v * b2 + gradient * gradient * (real(1) - b2);
    p = p * schedule[H_KEEP] - m * schedule[H_RATE] / (r_sqrt(v) * schedule[H_SECOND] + settings[S_EPSILON]);
}
