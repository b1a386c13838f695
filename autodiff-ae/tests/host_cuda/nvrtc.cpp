// libnvrtc on the host: "compiles" a kernel's source with the host's C++ compiler, device.h in front of it. The image is the
// shared library with a header that driver.cpp reads. HOST_CUDA_INCLUDE names the folder of device.h.
#include <regex>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

struct Program {
    std::string source, image, log;
};

static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

extern "C" {
int nvrtcVersion(int* major, int* minor) { return *major = 12, *minor = 9, 0; }
int nvrtcGetNumSupportedArchs(int* n) { return *n = 3, 0; }
int nvrtcGetSupportedArchs(int* a) { return a[0] = 70, a[1] = 80, a[2] = 90, 0; }
int nvrtcCreateProgram(Program** p, const char* source, const char*, int, const char* const*, const char* const*) {
    *p = new Program{source, "", ""};
    return 0;
}
int nvrtcDestroyProgram(Program** p) {
    delete *p;
    *p = nullptr;
    return 0;
}
int nvrtcCompileProgram(Program* p, int, const char* const*) {
    char folder[] = "/tmp/host-cuda-XXXXXX";
    if (!mkdtemp(folder)) return 11;
    const std::string base(folder), cpp = base + "/kernel.cpp", so = base + "/kernel.so", log = base + "/log";
    {
        std::ofstream out(cpp);
        out << "#include \"device.h\"\n" << p->source << "\n";
        const std::regex kernel("extern \"C\" __global__ void\\s+(?:__launch_bounds__\\(\\w+\\)\\s+)?(\\w+)\\s*\\(");
        for (std::sregex_iterator i(p->source.begin(), p->source.end(), kernel), end; i != end; ++i)
            out << "HOST_KERNEL(" << (*i)[1] << ")\n";
    }
    const char *include = getenv("HOST_CUDA_INCLUDE"), *compiler = getenv("CXX");
    const std::string command = std::string(compiler ? compiler : "c++") +
                                " -std=c++17 -O1 -U_FORTIFY_SOURCE -fPIC -shared -Wno-unknown-pragmas -I" + include + " -o " + so + " " + cpp +
                                " >" + log + " 2>&1";
    const int failed = system(command.c_str());
    p->log = read(log);
    if (!failed) {
        const std::string code = read(so);
        const size_t size = code.size();
        p->image = "HOSTCUDA" + std::string((const char*)&size, sizeof size) + code;
    }
    for (const std::string& f : {cpp, so, log}) unlink(f.c_str());
    rmdir(folder);
    return failed ? 6 : 0;
}
int nvrtcGetCUBINSize(Program* p, size_t* n) { return *n = p->image.size(), 0; }
int nvrtcGetCUBIN(Program* p, char* to) { return memcpy(to, p->image.data(), p->image.size()), 0; }
int nvrtcGetPTXSize(Program*, size_t*) { return 5; }
int nvrtcGetPTX(Program*, char*) { return 5; }
int nvrtcGetProgramLogSize(Program* p, size_t* n) { return *n = p->log.size() + 1, 0; }
int nvrtcGetProgramLog(Program* p, char* to) { return memcpy(to, p->log.c_str(), p->log.size() + 1), 0; }
}
