// libcublas on the host: cublasGemmEx by plain loops, put on the driver's stream so that it can be captured like a kernel.
#include <cstdio>
#include <cstdlib>
#include <functional>

// In libcuda: runs or, while a stream is captured, records.
extern "C" void host_cuda_enqueue(void* stream, std::function<void()>* work);

struct Handle {
    void* stream;
    bool workspace;
};

template <class T>
static void product(bool ta, bool tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c,
                    int ldc) {
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            T sum = 0;
            for (int l = 0; l < k; l++) sum += a[ta ? l + (size_t)i * lda : i + (size_t)l * lda] * b[tb ? j + (size_t)l * ldb : l + (size_t)j * ldb];
            T& to = c[i + (size_t)j * ldc];
            // As cuBLAS does: C is not read where beta is 0.
            to = beta == 0 ? alpha * sum : alpha * sum + beta * to;
        }
}

extern "C" {
int cublasCreate_v2(Handle** h) { return *h = new Handle{nullptr, false}, 0; }
int cublasDestroy_v2(Handle* h) { return delete h, 0; }
int cublasSetStream_v2(Handle* h, void* stream) { return h->stream = stream, 0; }
int cublasSetWorkspace_v2(Handle* h, void* p, size_t) { return h->workspace = p, 0; }
int cublasGemmEx(Handle* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int at, int lda,
                 const void* b, int bt, int ldb, const void* beta, void* c, int ct, int ldc, int compute, int) {
    const bool number = (at == 0 && (compute == 68 || compute == 75 || compute == 77)) || (at == 1 && compute == 70);
    // CUBLAS_STATUS_INVALID_VALUE, for what cuBLAS refuses too.
    if (at != bt || at != ct || !number || m < 0 || n < 0 || k < 0) return 7;
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;
    std::function<void()> work;
    if (at == 0) {
        const float x = *(const float*)alpha, y = *(const float*)beta;
        work = [=] { product<float>(ta, tb, m, n, k, x, (const float*)a, lda, (const float*)b, ldb, y, (float*)c, ldc); };
    } else {
        const double x = *(const double*)alpha, y = *(const double*)beta;
        work = [=] { product<double>(ta, tb, m, n, k, x, (const double*)a, lda, (const double*)b, ldb, y, (double*)c, ldc); };
    }
    host_cuda_enqueue(h->stream, &work);
    return 0;
}
}
