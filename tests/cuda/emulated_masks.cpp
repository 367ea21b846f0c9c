// The kernels as plain C++: the same source that nvcc compiles.
// clang-format off
#include "tests/cuda/emulation.h"
#include "engine/torch/cuda/masks.cu"
