#pragma once

#include <cstddef>

/// What a build of the kernels for one level of x86-64 exports: every kernel on fixed inputs, its results as bytes.
/// `take` gets each case's name and bytes, with `to` handed through.
extern "C" using TakeCase = void(const char* name, const void* bytes, size_t size, void* to);
extern "C" using RunCases = void(TakeCase * take, void* to);
inline constexpr const char* run_cases_symbol = "lacuna_run_kernel_cases";
