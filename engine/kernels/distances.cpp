#include "engine/kernels/distances.h"

#include <cmath>
#include <cstddef>
#include <cstring>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t lanes = 8;
constexpr int64_t together = 4;  // rows that one load of `row` serves, and sums that do not wait for each other

using Lanes [[gnu::vector_size(lanes * sizeof(double))]] = double;

/// Vectors go by reference: how one is passed by value differs between levels of x86-64.
template <typename T>
[[gnu::always_inline]] inline void load(const T* values, Lanes& loaded) {
    using Narrow [[gnu::vector_size(lanes * sizeof(T))]] = T;
    Narrow narrow;
    std::memcpy(&narrow, values, sizeof narrow);
    loaded = __builtin_convertvector(narrow, Lanes);
}

template <bool Squared>
[[gnu::always_inline]] inline void add_term(const Lanes& a, const Lanes& b, Lanes& sum) {
    const Lanes difference = a - b;
    if constexpr (Squared)
        sum += difference * difference;
    else
        sum += difference < 0 ? -difference : difference;
}

/// The rows `together` at a time, `Rows` of them.
template <bool Squared, int64_t Rows, typename T>
[[gnu::always_inline]] inline void add_some(const T* row, const T* others, int64_t columns, double* sums) {
    Lanes parts[Rows] = {};
    int64_t column = 0;
    for (; column + lanes <= columns; column += lanes) {
        Lanes here, there;
        load(row + column, here);
        for (int64_t i = 0; i < Rows; ++i) {
            load(others + i * columns + column, there);
            add_term<Squared>(here, there, parts[i]);
        }
    }
    for (int64_t i = 0; i < Rows; ++i) {
        double ends[lanes];
        std::memcpy(ends, &parts[i], sizeof ends);
        for (int64_t rest = column; rest < columns; ++rest) {
            const double difference = double(row[rest]) - double(others[i * columns + rest]);
            ends[rest - column] += Squared ? difference * difference : std::abs(difference);
        }
        sums[i] = 0;
        for (const double part : ends) sums[i] += part;
    }
}

template <bool Squared, typename T>
[[gnu::always_inline]] inline void add_rows(const T* row, const T* others, int64_t count, int64_t columns,
                                            double* sums) {
    int64_t i = 0;
    for (; i + together <= count; i += together)
        add_some<Squared, together>(row, others + i * columns, columns, sums + i);
    for (; i < count; ++i) add_some<Squared, 1>(row, others + i * columns, columns, sums + i);
}

template <typename T>
[[gnu::always_inline]] inline void add_any(const T* row, const T* others, int64_t count, int64_t columns, bool squared,
                                           double* sums) {
    squared ? add_rows<true>(row, others, count, columns, sums) : add_rows<false>(row, others, count, columns, sums);
}

}  // namespace

LACUNA_CLONES void add_differences(const float* row, const float* others, int64_t count, int64_t columns, bool squared,
                                   double* sums) {
    add_any(row, others, count, columns, squared, sums);
}

LACUNA_CLONES void add_differences(const double* row, const double* others, int64_t count, int64_t columns,
                                   bool squared, double* sums) {
    add_any(row, others, count, columns, squared, sums);
}

}  // namespace lacuna::kernels
