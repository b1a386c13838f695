// A block of CUDA threads on the host: what stands in front of a kernel's source when it is compiled by the host's compiler.
//
// Every thread of a block is a fiber of its own; __syncthreads gives control back, and all fibers go on from there in a new
// random order. So a missing barrier shows as results that depend on HOST_CUDA_SEED. Shared memory starts as NaN and ends at
// a page that cannot be touched; a barrier that not all threads reach ends the process.
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define DYNAMIC_SHARED(name) real* const name = reinterpret_cast<real*>(host_shared)

struct HostIndex {
    unsigned x, y, z;
};
static HostIndex threadIdx, blockIdx, blockDim, gridDim;
static unsigned char* host_shared;

namespace host {

// A context starts a fiber; from then on it is switched by jumps, which cost no system call.
struct Fiber {
    ucontext_t context;
    jmp_buf place;
    bool started, done;
};
static jmp_buf scheduler;
static const unsigned MOST_THREADS = 1024;
static Fiber fibers[MOST_THREADS];
static unsigned char* stacks;
static unsigned current;
static void (*entry)(void*, void**);
static void *function, **arguments;
static const size_t STACK = 256 << 10;

static uint64_t random_state;
static unsigned random_below(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static void body() {
    entry(function, arguments);
    fibers[current].done = true;
    _longjmp(scheduler, 1);
}

// Lets a fiber run to its next barrier or its end.
static void resume(unsigned t) {
    current = t;
    threadIdx.x = t;
    if (_setjmp(scheduler)) return;
    if (fibers[t].started) _longjmp(fibers[t].place, 1);
    fibers[t].started = true;
    setcontext(&fibers[t].context);
}

static void fail(const char* why) {
    fprintf(stderr, "host CUDA: %s\n", why);
    abort();
}

// Memory whose end lies at a page that cannot be touched, filled with NaN.
static unsigned char* guarded(size_t bytes, void** base, size_t* mapped) {
    const size_t page = 4096, whole = (bytes + page - 1) / page * page;
    unsigned char* p = (unsigned char*)mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail("out of memory");
    mprotect(p + whole, page, PROT_NONE);
    memset(p, 0xff, whole);
    *base = p;
    *mapped = whole + page;
    return p + (whole - bytes) / 16 * 16;
}

static void run_block(unsigned threads, size_t shared_bytes) {
    void* base;
    size_t mapped;
    host_shared = guarded(shared_bytes, &base, &mapped);
    for (unsigned t = 0; t < threads; t++) {
        fibers[t].started = fibers[t].done = false;
        getcontext(&fibers[t].context);
        fibers[t].context.uc_stack.ss_sp = stacks + t * STACK;
        fibers[t].context.uc_stack.ss_size = STACK;
        fibers[t].context.uc_link = nullptr;
        makecontext(&fibers[t].context, body, 0);
    }
    unsigned* order = (unsigned*)malloc(threads * sizeof(unsigned));
    for (unsigned t = 0; t < threads; t++) order[t] = t;
    for (unsigned left = threads; left > 0;) {
        for (unsigned t = threads; t > 1; t--) {
            const unsigned other = random_below(t), kept = order[t - 1];
            order[t - 1] = order[other];
            order[other] = kept;
        }
        unsigned finished = 0, waiting = 0;
        for (unsigned i = 0; i < threads; i++) {
            if (fibers[order[i]].done) continue;
            resume(order[i]);
            fibers[order[i]].done ? finished++ : waiting++;
        }
        if (finished && waiting) fail("a barrier that not all threads reach");
        left -= finished;
    }
    free(order);
    munmap(base, mapped);
}

static void run(void (*call)(void*, void**), void* kernel, const unsigned* grid, const unsigned* block, size_t shared_bytes,
                void** args) {
    const char* seed = getenv("HOST_CUDA_SEED");
    random_state = 0x9e3779b97f4a7c15u ^ (seed ? strtoull(seed, nullptr, 10) * 0x2545f4914f6cdd1du : 0);
    if (grid[1] != 1 || grid[2] != 1 || block[1] != 1 || block[2] != 1) fail("launches of one dimension only");
    entry = call;
    function = kernel;
    arguments = args;
    gridDim = {grid[0], 1, 1};
    blockDim = {block[0], 1, 1};
    if (block[0] > MOST_THREADS) fail("too many threads");
    if (!stacks) {
        void* p = mmap(nullptr, MOST_THREADS * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) fail("out of memory");
        stacks = (unsigned char*)p;
    }
    for (unsigned b = 0; b < grid[0]; b++) {
        blockIdx = {b, 0, 0};
        run_block(block[0], shared_bytes);
    }
}

}  // namespace host

static inline void __syncthreads() {
    if (!_setjmp(host::fibers[host::current].place)) _longjmp(host::scheduler, 1);
}

// What the driver knows of a kernel: how many arguments of which sizes, and how to run it.
struct HostKernel {
    int count;
    size_t sizes[32];
    void (*run)(const unsigned* grid, const unsigned* block, size_t shared_bytes, void** args);
};

namespace host {
template <size_t... I> struct Indices {};
template <size_t N, size_t... I> struct Make : Make<N - 1, N - 1, I...> {};
template <size_t... I> struct Make<0, I...> {
    typedef Indices<I...> type;
};
template <class... A, size_t... I> static void spread(void (*f)(A...), void** args, Indices<I...>) {
    f(*(A*)args[I]...);
}
template <class... A> static void call(void* f, void** args) {
    spread((void (*)(A...))f, args, typename Make<sizeof...(A)>::type());
}
template <class F, F* K> struct Kernel;
template <class... A, void (*K)(A...)> struct Kernel<void(A...), K> {
    static void start(const unsigned* grid, const unsigned* block, size_t shared_bytes, void** args) {
        run(&call<A...>, (void*)K, grid, block, shared_bytes, args);
    }
    static HostKernel describe() { return HostKernel{(int)sizeof...(A), {sizeof(A)...}, &start}; }
};
}  // namespace host

#define HOST_KERNEL(name)                                                                                               \
    extern "C" HostKernel host_kernel_##name() { return host::Kernel<decltype(name), &name>::describe(); }
