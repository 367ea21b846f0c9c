#pragma once

#include <cstdint>

namespace lacuna::kernels {

template <typename T, int64_t Count>
struct VectorOf {
    using Type [[gnu::vector_size(Count * sizeof(T))]] = T;
};

/// `Count` values that the compiler keeps together in a register. 32 bytes are what most processors take in one go;
/// larger ones stay in memory where no register has their size. By reference between functions: how one is passed by
/// value differs between levels of x86-64.
template <typename T, int64_t Count>
using Vector = typename VectorOf<T, Count>::Type;

/// From anywhere among single values. memcpy may move a vector in halves, and reading it as a whole then waits for
/// them.
template <typename Vector, typename T>
[[gnu::always_inline]] inline void load(const T* values, Vector& loaded) {
    using Anywhere [[gnu::aligned(alignof(T)), gnu::may_alias]] = Vector;
    loaded = *reinterpret_cast<const Anywhere*>(values);
}

template <typename Vector, typename T>
[[gnu::always_inline]] inline void store(const Vector& vector, T* values) {
    using Anywhere [[gnu::aligned(alignof(T)), gnu::may_alias]] = Vector;
    *reinterpret_cast<Anywhere*>(values) = vector;
}

}  // namespace lacuna::kernels
