#pragma once

#include <optional>
#include <vector>

#include "engine/mask/mask.h"

namespace lacuna {

/// How many groups of m consecutive weights hold at most n that are not zero. There are none where rows are shorter
/// than m: no runtime takes such a tensor for N:M.
struct NmCount {
    int n = 2, m = 4;
    int64_t groups = 0, held = 0;
    /// Nothing where there are no groups.
    std::optional<double> fraction() const {
        return groups > 0 ? std::optional(double(held) / double(groups)) : std::nullopt;
    }
};

/// What of a matrix is zero from end to end, and which N:M patterns it keeps to.
struct Patterns {
    int64_t zeros = 0;
    int64_t rows = 0, zero_rows = 0;
    int64_t columns = 0, zero_columns = 0;
    BlockShape tile;
    int64_t tiles = 0, zero_tiles = 0;                 ///< ragged tiles at the edges count like whole ones
    std::vector<NmCount> n_m{{1, 4}, {2, 4}, {4, 8}};  ///< a shorter group at a row's end counts like a whole one
};

/// The tile that is looked for where none is asked for.
inline constexpr BlockShape default_tile{16, 16};

/// Looks at the bits once: `nonzero` has a 1 where the weight is not zero. Its matrix is `matrix_shape`'s; N:M runs
/// along a row, in convolutions along the input channels for each place of the kernel. `tile` has sides of at least 1
/// (Error(argument) if not).
Patterns patterns_of(const Mask& nonzero, BlockShape tile);

}  // namespace lacuna
