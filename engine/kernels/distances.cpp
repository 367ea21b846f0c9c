#include "engine/kernels/distances.h"

#include <algorithm>
#include <memory>

#include "engine/kernels/clones.h"
#include "engine/kernels/vectors.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t lanes = 8, half = lanes / 2;

/// Rows and columns that are compared in one go: as doubles they fit a near cache, with a sum for each lane of each
/// pair.
constexpr int64_t rows_in_one_go = 32, others_in_one_go = 16, columns_in_one_go = 128;

/// Pairs whose sums do not wait for each other, and stay in registers.
constexpr int64_t rows_together = 2, others_together = 4;

struct Room {
    double rows[rows_in_one_go * columns_in_one_go];
    double others[others_in_one_go * columns_in_one_go];
    double sums[rows_in_one_go * others_in_one_go * lanes];
};

/// Columns [left, right) as doubles, filled up with columns and rows of zeros, which differ in nothing, to whole lanes
/// and a multiple of `together` rows; gives how many columns there are then.
template <typename T>
[[gnu::always_inline]] inline int64_t widen(const Rows<T>& rows, int64_t columns, int64_t left, int64_t right,
                                            int64_t together, double* to) {
    const int64_t width = right - left, filled = (width + lanes - 1) / lanes * lanes;
    for (int64_t row = 0; row < rows.count || row % together != 0; ++row, to += columns_in_one_go) {
        const int64_t here = row < rows.count ? width : 0;
        const T* from = rows.values + row * columns + left;
        for (int64_t i = 0; i < here; ++i) to[i] = double(from[i]);
        std::fill(to + here, to + filled, 0.0);
    }
    return filled;
}

template <bool Squared>
[[gnu::always_inline]] inline void add_term(const Vector<double, half>& a, const Vector<double, half>& b,
                                            Vector<double, half>& sum) {
    using Bits = Vector<uint64_t, half>;
    const Vector<double, half> difference = a - b;
    if constexpr (Squared)
        sum += difference * difference;
    else
        sum += Vector<double, half>(Bits(difference) & ~(uint64_t(1) << 63));
}

/// Adds to the sums of some pairs, half of the lanes after the other.
template <bool Squared>
[[gnu::always_inline]] inline void add_some(const double* rows, const double* others, int64_t columns, double* sums) {
    for (int64_t lane = 0; lane < lanes; lane += half) {
        Vector<double, half> running[rows_together][others_together], a[rows_together], b;
        for (int64_t i = 0; i < rows_together; ++i)
            for (int64_t j = 0; j < others_together; ++j)
                load(sums + (i * others_in_one_go + j) * lanes + lane, running[i][j]);
        for (int64_t column = lane; column < columns; column += lanes) {
            for (int64_t i = 0; i < rows_together; ++i) load(rows + i * columns_in_one_go + column, a[i]);
            for (int64_t j = 0; j < others_together; ++j) {
                load(others + j * columns_in_one_go + column, b);
                for (int64_t i = 0; i < rows_together; ++i) add_term<Squared>(a[i], b, running[i][j]);
            }
        }
        for (int64_t i = 0; i < rows_together; ++i)
            for (int64_t j = 0; j < others_together; ++j)
                store(running[i][j], sums + (i * others_in_one_go + j) * lanes + lane);
    }
}

/// All pairs of at most as many rows and others as go at once.
template <bool Squared, typename T>
[[gnu::always_inline]] inline void add_pairs(const Rows<T>& rows, const Rows<T>& others, int64_t columns, Room& room,
                                             double* sums, int64_t apart) {
    std::fill(std::begin(room.sums), std::end(room.sums), 0.0);
    for (int64_t left = 0; left < columns; left += columns_in_one_go) {
        const int64_t right = std::min(columns, left + columns_in_one_go);
        widen(rows, columns, left, right, rows_together, room.rows);
        const int64_t width = widen(others, columns, left, right, others_together, room.others);
        for (int64_t j = 0; j < others.count; j += others_together)
            for (int64_t i = 0; i < rows.count; i += rows_together)
                add_some<Squared>(room.rows + i * columns_in_one_go, room.others + j * columns_in_one_go, width,
                                  room.sums + (i * others_in_one_go + j) * lanes);
    }
    for (int64_t i = 0; i < rows.count; ++i)
        for (int64_t j = 0; j < others.count; ++j) {
            double sum = 0;
            for (int64_t lane = 0; lane < lanes; ++lane) sum += room.sums[(i * others_in_one_go + j) * lanes + lane];
            sums[i * apart + j] = sum;
        }
}

template <typename T>
[[gnu::always_inline]] inline void add_any(const Rows<T>& rows, const Rows<T>& others, int64_t columns, bool squared,
                                           double* sums, int64_t apart) {
    const auto room = std::make_unique_for_overwrite<Room>();
    for (int64_t i = 0; i < rows.count; i += rows_in_one_go)
        for (int64_t j = 0; j < others.count; j += others_in_one_go) {
            const Rows<T> some{rows.values + i * columns, std::min(rows_in_one_go, rows.count - i)};
            const Rows<T> other{others.values + j * columns, std::min(others_in_one_go, others.count - j)};
            double* out = sums + i * apart + j;
            squared ? add_pairs<true>(some, other, columns, *room, out, apart)
                    : add_pairs<false>(some, other, columns, *room, out, apart);
        }
}

}  // namespace

LACUNA_CLONES void add_differences(Rows<float> rows, Rows<float> others, int64_t columns, bool squared, double* sums,
                                   int64_t apart) {
    add_any(rows, others, columns, squared, sums, apart);
}

LACUNA_CLONES void add_differences(Rows<double> rows, Rows<double> others, int64_t columns, bool squared, double* sums,
                                   int64_t apart) {
    add_any(rows, others, columns, squared, sums, apart);
}

}  // namespace lacuna::kernels
