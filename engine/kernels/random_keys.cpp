#include "engine/kernels/random_keys.h"

#include "engine/kernels/clones.h"

namespace lacuna::kernels {

LACUNA_CLONES void random_keys(uint64_t stream, int64_t begin, int64_t end, Key64* keys) {
    for (int64_t i = begin; i < end; ++i) keys[i - begin] = mixed(stream ^ mixed(uint64_t(i))) >> 1;
}

}  // namespace lacuna::kernels
