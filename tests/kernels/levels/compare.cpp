// The kernels are compiled once for each level of x86-64 and the loader picks one (engine/kernels/clones.h). Here each
// level is a library of its own, with only that level's instructions, and must give the same bits as the lowest one.
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernels/levels/cases.h"

namespace lacuna::kernels {
namespace {

using Cases = std::vector<std::pair<std::string, std::string>>;

void keep(const char* name, const void* bytes, size_t size, void* to) {
    static_cast<Cases*>(to)->emplace_back(name, std::string(static_cast<const char*>(bytes), size));
}

Cases cases_of(const std::string& level) {
    const std::string file = LACUNA_KERNEL_LEVELS "/libkernels_" + level + ".so";
    void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(::dlerror());
    Cases cases;
    reinterpret_cast<RunCases*>(::dlsym(library, run_cases_symbol))(keep, &cases);
    ::dlclose(library);
    return cases;
}

void expect_the_lowest_levels_bits(const std::string& level) {
    const Cases lowest = cases_of("x86-64"), here = cases_of(level);
    ASSERT_GT(lowest.size(), 100u);
    ASSERT_EQ(here.size(), lowest.size());
    for (size_t i = 0; i < here.size(); ++i) {
        ASSERT_EQ(here[i].first, lowest[i].first);
        ASSERT_FALSE(lowest[i].second.empty()) << lowest[i].first;
        EXPECT_TRUE(here[i].second == lowest[i].second) << here[i].first << " differs";
    }
}

TEST(Clones, X86_64_v3GivesTheSameBits) {
    if (!__builtin_cpu_supports("x86-64-v3")) GTEST_SKIP() << "this processor has no AVX2";
    expect_the_lowest_levels_bits("x86-64-v3");
}

TEST(Clones, X86_64_v4GivesTheSameBits) {
    if (!__builtin_cpu_supports("x86-64-v4")) GTEST_SKIP() << "this processor has no AVX-512";
    expect_the_lowest_levels_bits("x86-64-v4");
}

}  // namespace
}  // namespace lacuna::kernels
