#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// Sets the bits of a row-major rows × columns matrix that lie at most `distance` from the main diagonal.
/// `words` holds zeros before.
void set_band(uint64_t* words, int64_t rows, int64_t columns, int64_t distance);

}  // namespace lacuna::kernels
