// libcuda on the host: one device of compute capability 9.0 whose memory is the host's and whose kernels are shared libraries
// made by nvrtc.cpp. Work runs at once, or is recorded while its stream is captured. Device memory starts as NaN and ends at a
// page that cannot be touched, so that a kernel that reads too early or writes too far is found.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

struct HostKernel {
    int count;
    size_t sizes[32];
    void (*run)(const unsigned* grid, const unsigned* block, size_t shared_bytes, void** args);
};
typedef std::vector<std::function<void()>> Graph;
struct Stream {
    bool capturing = false;
    Graph recorded;
};
struct Function {
    HostKernel kernel;
    size_t shared = 48 << 10;
};
struct Module {
    void* library;
    std::map<std::string, Function> functions;
};
struct Block {
    void* base;
    size_t mapped;
};
static std::map<unsigned long long, Block> blocks;
static const size_t SHARED = 227 << 10;
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_IMAGE = 200, NOT_FOUND = 500 };

static void enqueue(Stream* stream, std::function<void()> work) {
    if (stream && stream->capturing) stream->recorded.push_back(std::move(work));
    else work();
}

extern "C" {
void host_cuda_enqueue(void* stream, std::function<void()>* work) { enqueue((Stream*)stream, std::move(*work)); }

int cuInit(unsigned) { return OK; }
int cuDriverGetVersion(int* v) { return *v = 12090, OK; }
int cuGetErrorName(int, const char** s) { return *s = "HOST_CUDA_ERROR", OK; }
int cuGetErrorString(int, const char** s) { return *s = "an error of the CUDA device on the host", OK; }
int cuDeviceGetCount(int* n) { return *n = 1, OK; }
int cuDeviceGet(int* d, int i) { return *d = i, i == 0 ? OK : 101; }
int cuDeviceGetName(char* name, int n, int) { return snprintf(name, n, "CUDA on the host"), OK; }
int cuDeviceGetAttribute(int* v, int attribute, int) {
    switch (attribute) {
    case 75: *v = 9; break;       // compute capability, major
    case 76: *v = 0; break;       // minor
    case 97: *v = SHARED; break;  // shared memory a block may ask for
    case 16: *v = 4; break;       // multiprocessors
    case 115: *v = 0; break;      // memory pools
    default: return INVALID_VALUE;
    }
    // A smaller device, for the plans with less in shared memory.
    if (attribute == 97 && getenv("HOST_CUDA_SHARED")) *v = atoi(getenv("HOST_CUDA_SHARED"));
    return OK;
}
int cuDevicePrimaryCtxRetain(void** c, int) { return *c = (void*)1, OK; }
int cuDevicePrimaryCtxRelease_v2(int) { return OK; }
int cuCtxGetCurrent(void** c) { return *c = (void*)1, OK; }
int cuCtxSetCurrent(void*) { return OK; }
int cuCtxSynchronize() { return OK; }
int cuStreamCreate(Stream** s, unsigned) { return *s = new Stream, OK; }
int cuStreamDestroy_v2(Stream* s) { return delete s, OK; }
int cuStreamSynchronize(Stream* s) { return s && s->capturing ? 900 : OK; }

int cuMemAlloc_v2(unsigned long long* p, size_t bytes) {
    if (bytes == 0) return INVALID_VALUE;
    const size_t page = 4096, whole = (bytes + page - 1) / page * page;
    char* base = (char*)mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(base + whole, page, PROT_NONE);
    memset(base, 0xff, whole);
    *p = (unsigned long long)base + (whole - bytes) / 8 * 8;
    blocks[*p] = {base, whole + page};
    return OK;
}
int cuMemFree_v2(unsigned long long p) {
    auto found = blocks.find(p);
    if (found == blocks.end()) return INVALID_VALUE;
    munmap(found->second.base, found->second.mapped);
    blocks.erase(found);
    return OK;
}
// There are no memory pools; the symbols are what every driver of these years has.
int cuMemAllocAsync(unsigned long long* p, size_t bytes, Stream*) { return cuMemAlloc_v2(p, bytes); }
int cuMemFreeAsync(unsigned long long p, Stream*) { return cuMemFree_v2(p); }
// Copies are refused during a capture: nothing in a step should copy.
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t n, Stream* s) {
    return s && s->capturing ? 900 : (memcpy((void*)to, from, n), OK);
}
int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t n, Stream* s) {
    return s && s->capturing ? 900 : (memcpy(to, (void*)from, n), OK);
}
int cuMemsetD8Async(unsigned long long to, unsigned char v, size_t n, Stream* s) {
    enqueue(s, [=] { memset((void*)to, v, n); });
    return OK;
}

int cuModuleLoadData(Module** m, const void* image) {
    if (memcmp(image, "HOSTCUDA", 8)) return INVALID_IMAGE;
    size_t size;
    memcpy(&size, (const char*)image + 8, sizeof size);
    char path[] = "/tmp/host-cuda-module-XXXXXX";
    const int file = mkstemp(path);
    if (file < 0 || write(file, (const char*)image + 16, size) != (ssize_t)size) return INVALID_IMAGE;
    close(file);
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    if (!library) return fprintf(stderr, "host CUDA: %s\n", dlerror()), INVALID_IMAGE;
    *m = new Module{library, {}};
    return OK;
}
int cuModuleUnload(Module* m) { return dlclose(m->library), delete m, OK; }
int cuModuleGetFunction(Function** f, Module* m, const char* name) {
    auto describe = (HostKernel(*)())dlsym(m->library, (std::string("host_kernel_") + name).c_str());
    if (!describe) return NOT_FOUND;
    m->functions[name] = Function{describe()};
    *f = &m->functions[name];
    return OK;
}
int cuFuncSetAttribute(Function* f, int attribute, int value) {
    if (attribute != 8 || value < 0 || (size_t)value > SHARED) return INVALID_VALUE;
    f->shared = value;
    return OK;
}
int cuLaunchKernel(Function* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   Stream* s, void** params, void**) {
    if (!gx || !bx || bx > 1024 || shared > f->shared) return INVALID_VALUE;
    // Arguments are copied at the launch, as the driver does.
    std::vector<std::vector<char>> copies;
    for (int i = 0; i < f->kernel.count; i++) copies.emplace_back((char*)params[i], (char*)params[i] + f->kernel.sizes[i]);
    HostKernel kernel = f->kernel;
    enqueue(s, [=]() mutable {
        std::vector<void*> args;
        for (auto& c : copies) args.push_back(c.data());
        const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
        kernel.run(grid, block, shared, args.data());
    });
    return OK;
}

int cuStreamBeginCapture_v2(Stream* s, int) { return s ? (s->capturing = true, s->recorded.clear(), OK) : 900; }
int cuStreamEndCapture(Stream* s, Graph** g) {
    s->capturing = false;
    *g = new Graph(std::move(s->recorded));
    return OK;
}
int cuGraphInstantiateWithFlags(Graph** exec, Graph* g, unsigned long long) { return *exec = new Graph(*g), OK; }
int cuGraphLaunch(Graph* g, Stream*) {
    for (auto& work : *g) work();
    return OK;
}
int cuGraphDestroy(Graph* g) { return delete g, OK; }
int cuGraphExecDestroy(Graph* g) { return delete g, OK; }
}
