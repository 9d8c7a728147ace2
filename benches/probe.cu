// Constants of an NVIDIA GPU that decide how an iteration of small kernels is best cut: what a launch
// in a recorded list costs, what a barrier of all cubes costs instead, how fast the second-level cache
// is read, and what units and tensor cores reach when they wait for nothing. Takes about 5 s.
//
//   nvcc -O3 -std=c++17 -gencode arch=compute_90a,code=sm_90a -cudart static -o probe probe.cu
//
// One line per number: its name, a tab, its value and unit. Times are medians of seven, by events.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
#include <functional>
#include <vector>

constexpr int UNITS = 256; // of a cube
constexpr size_t ROOM = size_t(1) << 30;

void check(cudaError_t error, int line) {
    if (error != cudaSuccess) {
        std::fprintf(stderr, "probe.cu:%d: %s\n", line, cudaGetErrorString(error));
        std::exit(1);
    }
}
#define CHECK(call) check(call, __LINE__)

cudaStream_t stream;
float *room;

// Microseconds of one of `count` runs.
double microseconds(int count, const std::function<void()> &run) {
    cudaEvent_t begin, end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    run();
    CHECK(cudaStreamSynchronize(stream));
    std::vector<double> times;
    for (int round = 0; round < 7; ++round) {
        CHECK(cudaEventRecord(begin, stream));
        for (int i = 0; i < count; ++i) run();
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        float milliseconds;
        CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
        times.push_back(1e3 * milliseconds / count);
    }
    CHECK(cudaGetLastError());
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

// What stands between two kernels of a list.
enum class Edge { Full, Programmatic, Early };

template <Edge EDGE> __global__ void __launch_bounds__(UNITS) touch(float *p) {
    extern __shared__ float unused[];
    if (EDGE == Edge::Early) asm volatile("griddepcontrol.launch_dependents;");
    if (EDGE != Edge::Full) asm volatile("griddepcontrol.wait;" ::: "memory");
    if (threadIdx.x == 0) p[blockIdx.x] += 1;
}

// Microseconds per kernel of a recorded list of `nodes`.
template <Edge EDGE> double list(int nodes, int cubes, int shared) {
    auto *kernel = touch<EDGE>;
    CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = cubes;
    config.blockDim = UNITS;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = EDGE != Edge::Full;
    cudaGraph_t graph;
    cudaGraphExec_t recorded;
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    for (int node = 0; node < nodes; ++node) CHECK(cudaLaunchKernelEx(&config, kernel, room));
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&recorded, graph, 0));
    double time = microseconds(30, [&] { CHECK(cudaGraphLaunch(recorded, stream)); }) / nodes;
    CHECK(cudaGraphExecDestroy(recorded));
    CHECK(cudaGraphDestroy(graph));
    return time;
}

// Barriers of all cubes, which must all be resident.
__global__ void __launch_bounds__(UNITS, 1) barriers(unsigned *arrived, int count) {
    for (unsigned turn = 1; turn <= count; ++turn) {
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) {
            atomicAdd(arrived, 1u);
            unsigned seen;
            do asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(seen) : "l"(arrived));
            while (seen < turn * gridDim.x);
        }
        __syncthreads();
    }
}

// Each cube reads `count` vectors of a working set of `set`, from a place of its own on; eight
// loads of a unit are on their way at once.
__global__ void __launch_bounds__(UNITS) reads(const float4 *p, float *out, long set, long count) {
    constexpr int FLYING = 8;
    long at = (long)blockIdx.x * 977 * FLYING * UNITS % set;
    float sum = 0;
    for (long done = 0; done < count; done += FLYING * UNITS) {
        float4 v[FLYING];
#pragma unroll
        for (int i = 0; i < FLYING; ++i) v[i] = __ldg(p + at + i * UNITS + threadIdx.x);
#pragma unroll
        for (int i = 0; i < FLYING; ++i) sum += v[i].x + v[i].y + v[i].z + v[i].w;
        at += FLYING * UNITS;
        if (at >= set) at -= set;
    }
    if (sum == 12345) *out = sum;
}

// A momentum update in place, without a gradient.
__global__ void __launch_bounds__(UNITS) update(float4 *w, float4 *v, long count) {
    for (long i = blockIdx.x * (long)UNITS + threadIdx.x; i < count; i += gridDim.x * (long)UNITS) {
        float4 a = w[i], b = v[i];
        b.x *= 0.5f, b.y *= 0.5f, b.z *= 0.5f, b.w *= 0.5f;
        a.x += b.x, a.y += b.y, a.z += b.z, a.w += b.w;
        w[i] = a, v[i] = b;
    }
}

// Products of tensor cores from registers, eight independent ones of each warp at a time.
template <bool IS_TF32> __global__ void __launch_bounds__(UNITS) tensor(float *out, int count) {
    float c[8][4] = {};
    unsigned a[4], b[2];
    for (unsigned &x : a) x = 0x3f8a3d71u + threadIdx.x * 7919 + (unsigned)(&x - a) * 104729;
    for (unsigned &x : b) x = 0x3f7c28f6u - threadIdx.x * 6151 - (unsigned)(&x - b) * 15485863;
    for (int i = 0; i < count; ++i) {
#pragma unroll
        for (auto &row : c) {
            if (IS_TF32)
                asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                             "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                             : "+f"(row[0]), "+f"(row[1]), "+f"(row[2]), "+f"(row[3])
                             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
            else
                asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                             "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                             : "+f"(row[0]), "+f"(row[1]), "+f"(row[2]), "+f"(row[3])
                             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
        }
    }
    float sum = 0;
    for (auto &row : c) sum += row[0] + row[1] + row[2] + row[3];
    if (sum == 12345) *out = sum;
}

__global__ void __launch_bounds__(UNITS) multiply_adds(float *out, int count, float factor) {
    float c[16];
    for (int i = 0; i < 16; ++i) c[i] = threadIdx.x + i;
    for (int turn = 0; turn < count; ++turn)
#pragma unroll
        for (float &x : c) x = fmaf(x, factor, x);
    float sum = 0;
    for (float x : c) sum += x;
    if (sum == 12345) *out = sum;
}

int main() {
    cudaDeviceProp device;
    CHECK(cudaGetDeviceProperties(&device, 0));
    int driver;
    CHECK(cudaDriverGetVersion(&driver));
    std::printf("device\t%s, driver %d, L2 of %d MiB\n", device.name, driver, device.l2CacheSize >> 20);
    const int all = device.multiProcessorCount;
    std::printf("multiprocessors\t%d\n", all);
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CHECK(cudaMalloc(&room, ROOM));
    CHECK(cudaMemset(room, 0, ROOM));

    for (int shared : {0, 100 << 10})
        for (int cubes : {1, all / 2, 2 * all}) {
            std::printf("kernel in a list, %d cubes, %d KiB shared\t%.2f µs; programmatic edge %.2f; "
                        "launched early %.2f\n", cubes, shared >> 10, list<Edge::Full>(190, cubes, shared),
                        list<Edge::Programmatic>(190, cubes, shared), list<Edge::Early>(190, cubes, shared));
            std::fflush(stdout);
        }
    for (int nodes : {1, 19, 38, 76, 152})
        std::printf("kernel in a list of %d\t%.2f µs\n", nodes, list<Edge::Full>(nodes, all / 2, 0));

    for (int cubes : {all / 2, all}) {
        constexpr int COUNT = 2000;
        double time = microseconds(1, [&] {
            CHECK(cudaMemsetAsync(room, 0, 4, stream));
            barriers<<<cubes, UNITS, 0, stream>>>((unsigned *)room, COUNT);
        });
        std::printf("barrier of %d cubes\t%.2f µs\n", cubes, time / COUNT);
        std::fflush(stdout);
    }
    for (long mebibytes : {4, 12, 20, 30, 45, 400})
        for (int cubes : {all / 2, all, 2 * all, 4 * all}) {
            long set = mebibytes << 16, count = (long(150e6) / cubes) / 2048 * 2048;
            double time = microseconds(1, [&] {
                reads<<<cubes, UNITS, 0, stream>>>((float4 *)room, room, set, count);
            });
            std::printf("%ld MiB read again and again by %d cubes\t%.2f TB/s\n", mebibytes, cubes,
                        16.0 * count * cubes / time / 1e6);
            std::fflush(stdout);
        }
    for (long mebibytes : {10, 20, 30, 40, 300}) {
        long count = (mebibytes << 20) / 32;
        double time = microseconds(20, [&] {
            update<<<4 * all, UNITS, 0, stream>>>((float4 *)room, (float4 *)room + count, count);
        });
        std::printf("update of %ld MiB in place\t%.2f µs, %.2f TB/s read and written\n", mebibytes, time,
                    2.0 * (mebibytes << 20) / time / 1e6);
        std::fflush(stdout);
    }
    for (int cubes : {all, 2 * all, 4 * all}) {
        constexpr int COUNT = 4000;
        double flop = 2.0 * 16 * 8 * 8 * 8 * COUNT * (UNITS / 32) * cubes;
        double tf32 = microseconds(3, [&] { tensor<true><<<cubes, UNITS, 0, stream>>>(room, COUNT); });
        double bf16 = microseconds(3, [&] { tensor<false><<<cubes, UNITS, 0, stream>>>(room, COUNT); });
        std::printf("tensor cores by mma.sync, %d cubes\ttf32 %.0f TFLOP/s, bf16 %.0f TFLOP/s\n", cubes,
                    flop / tf32 / 1e6, 2 * flop / bf16 / 1e6);
        std::fflush(stdout);
    }
    constexpr int COUNT = 20000;
    double time = microseconds(3, [&] { multiply_adds<<<4 * all, UNITS, 0, stream>>>(room, COUNT, 0.5f); });
    std::printf("multiply-adds of units\t%.1f TFLOP/s\n", 2.0 * 16 * COUNT * 4 * all * UNITS / time / 1e6);
    CHECK(cudaDeviceSynchronize());
}
