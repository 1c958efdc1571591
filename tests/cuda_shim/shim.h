// CUDA C for a CPU: enough of the language for generated kernels to run, one block after another.
//
// The threads of a block are fibers. Each runs until it meets a barrier or ends; then the next one runs, in
// ascending or descending order, so that a result that depends on the order shows. A barrier that only some
// threads of a block meet is an error, as is an unfinished warp at a shuffle.
#pragma once

#include <math.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __shared__ static

struct dim3 {
  unsigned x, y, z;
};
static dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace shim {
constexpr size_t STACK = 1 << 16;
constexpr unsigned WARP = 32;
enum State { RUNNING, AT_BARRIER, AT_SHUFFLE, DONE };

struct Fiber {
  ucontext_t context;
  State state;
  unsigned long long offered, taken;
  unsigned source;
};

static std::vector<Fiber> fibers;
static std::vector<char> stacks;
static ucontext_t scheduler;
static unsigned current;
static void (*body)(void**);
static void** arguments;

static void wait(State state) {
  const unsigned me = current;
  fibers[me].state = state;
  swapcontext(&fibers[me].context, &scheduler);
}

static void start() {
  body(arguments);
  wait(DONE);
}

static unsigned long long exchange(unsigned long long offered, unsigned source) {
  fibers[current].offered = offered;
  fibers[current].source = source;
  wait(AT_SHUFFLE);
  return fibers[current].taken;
}

// What waits goes on once all of its block, or of its warp, wait for the same. 0: well, 1: they do not.
static int release(unsigned threads) {
  bool moved = false;
  for (unsigned first = 0; first < threads; first += WARP) {
    const unsigned end = std::min(first + WARP, threads);
    bool all = true;
    for (unsigned t = first; t < end; ++t) all &= fibers[t].state == AT_SHUFFLE;
    if (!all) continue;
    for (unsigned t = first; t < end; ++t) {
      const unsigned from = first + fibers[t].source % WARP;
      fibers[t].taken = from < end ? fibers[from].offered : fibers[t].offered;
    }
    for (unsigned t = first; t < end; ++t) fibers[t].state = RUNNING;
    moved = true;
  }
  if (moved) return 0;
  for (unsigned t = 0; t < threads; ++t)
    if (fibers[t].state != AT_BARRIER) return 1;
  for (unsigned t = 0; t < threads; ++t) fibers[t].state = RUNNING;
  return 0;
}

static int run_fibers(unsigned threads, bool descending) {
  fibers.resize(threads);
  stacks.resize(threads * STACK);
  for (unsigned t = 0; t < threads; ++t) {
    Fiber& fiber = fibers[t];
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = &stacks[t * STACK];
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    fiber.state = RUNNING;
    makecontext(&fiber.context, start, 0);
  }
  for (;;) {
    bool alive = false;
    for (unsigned n = 0; n < threads; ++n) {
      current = descending ? threads - 1 - n : n;
      if (fibers[current].state != RUNNING) continue;
      threadIdx = {current, 0, 0};
      swapcontext(&scheduler, &fibers[current].context);
    }
    for (unsigned t = 0; t < threads; ++t) alive |= fibers[t].state != DONE;
    if (!alive) return 0;
    if (release(threads)) return 1;
  }
}

static int launch(
    void (*kernel)(void**), bool waits, const unsigned* grid, const unsigned* block, void** given, bool descending) {
  body = kernel;
  arguments = given;
  gridDim = {grid[0], 1, 1};
  blockDim = {block[0], 1, 1};
  for (unsigned b = 0; b < grid[0]; ++b) {
    blockIdx = {descending ? grid[0] - 1 - b : b, 0, 0};
    if (waits) {
      if (run_fibers(block[0], descending)) return 1;
      continue;
    }
    for (unsigned t = 0; t < block[0]; ++t) {
      threadIdx = {descending ? block[0] - 1 - t : t, 0, 0};
      kernel(given);
    }
  }
  return 0;
}
}  // namespace shim

static inline void __syncthreads() { shim::wait(shim::AT_BARRIER); }

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int lane) {
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = shim::exchange(bits, (unsigned)lane);
  memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
  const unsigned lane = shim::current % shim::WARP;
  return __shfl_sync(mask, value, lane + delta < shim::WARP ? lane + delta : lane);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int other) {
  return __shfl_sync(mask, value, (shim::current % shim::WARP) ^ other);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta) {
  const unsigned lane = shim::current % shim::WARP;
  return __shfl_sync(mask, value, lane >= delta ? lane - delta : lane);
}

template <typename T>
static inline T atomicMin(T* place, T value) {
  const T old = *place;
  *place = value < old ? value : old;
  return old;
}
