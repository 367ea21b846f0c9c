#include "engine/torch/quantized/sparse_linear.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <sstream>
#include <thread>

#include "engine/torch/quantized/engine_scope.h"
#include "tests/support/error_of.h"
#include "tests/torch/quantized/dense.h"

namespace lacuna {
namespace {

using c10::QEngine;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::dense_dynamic;
using testing_support::dense_static;
using testing_support::error_of;
using testing_support::same_bits;

std::vector<int64_t> whole(const at::Tensor& tensor) {
    const at::Tensor wide = tensor.to(at::kLong).contiguous();
    return {wide.const_data_ptr<int64_t>(), wide.const_data_ptr<int64_t>() + wide.numel()};
}

std::vector<double> numbers(const at::Tensor& tensor) {
    const at::Tensor wide = tensor.to(at::kDouble).contiguous();
    return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

/// A float weight whose 1×4 blocks are zero where `pattern` says so, quantised per tensor or per channel.
at::Tensor quantised(at::Tensor weight, bool per_channel, int64_t zero_point = 0) {
    if (!per_channel) return at::quantize_per_tensor(weight, 0.01, zero_point, at::kQInt8);
    const int64_t out = weight.size(0);
    return at::quantize_per_channel(weight, at::rand({out}).to(at::kDouble) * 0.1 + 0.005, at::zeros({out}, at::kLong),
                                    0, at::kQInt8);
}

TEST(TestQuantizedSparseKernels, sparse_qlinear) {
    at::manual_seed(0);
    for (const bool per_channel : {false, true})
        for (const bool biased : {false, true}) {
            SCOPED_TRACE(per_channel ? "per channel" : "per tensor");
            const at::Tensor blocks = at::randint(0, 2, {4, 4}).to(at::kFloat);
            const at::Tensor weight = quantised(at::randn({4, 16}) * blocks.repeat_interleave(4, 1), per_channel);
            const std::optional<at::Tensor> bias = biased ? std::optional(at::randn({4})) : std::nullopt;
            const at::Tensor input = at::randn({12, 16});

            const at::Tensor q = at::quantize_per_tensor(input, 0.2, 2, at::kQUInt8);
            const SparseLinear fbgemm = SparseLinear::pack(weight, bias, {1, 4}, QEngine::FBGEMM);
            for (const bool relu : {false, true}) {
                const at::Tensor sparse = fbgemm.run_static(q, 0.05, 10, relu);
                EXPECT_TRUE(same_bits(sparse, dense_static(q, weight, bias, 0.05, 10, relu)));
                EXPECT_THAT(sparse.sizes().vec(), ElementsAre(12, 4));
                EXPECT_EQ(sparse.q_scale(), 0.05);
                EXPECT_EQ(sparse.q_zero_point(), 10);
            }
            const SparseLinear qnnpack = SparseLinear::pack(weight, bias, {1, 4}, QEngine::QNNPACK);
            EXPECT_TRUE(at::equal(qnnpack.run_dynamic(input), dense_dynamic(input, weight, bias)));
        }
}

TEST(TestQuantizedSparseKernels, ragged_empty_and_deep_shapes) {
    at::manual_seed(1);
    for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{{7, 5}, {1, 1}, {3, 4}, {17, 33}})
        for (const double kept : {0.0, 1.0}) {
            const at::Tensor weight = quantised(at::randn({out, in}) * kept, true);
            const SparseLinear fbgemm = SparseLinear::pack(weight, at::randn({out}), {1, 4}, QEngine::FBGEMM);
            const SparseLinear qnnpack = SparseLinear::pack(weight, fbgemm.unpack().bias, {1, 4}, QEngine::QNNPACK);
            for (std::vector<int64_t> shape : {std::vector<int64_t>{5}, {2, 3}, {0}}) {
                shape.push_back(in);
                const at::Tensor input = at::randn(shape), q = at::quantize_per_tensor(input, 0.02, 60, at::kQUInt8);
                const auto bias = fbgemm.unpack().bias;
                EXPECT_TRUE(same_bits(fbgemm.run_static(q, 0.1, 3), dense_static(q, weight, bias, 0.1, 3, false)));
                EXPECT_TRUE(at::equal(qnnpack.run_dynamic(input), dense_dynamic(input, weight, bias)));
            }
            if (kept == 0) {
                EXPECT_EQ(fbgemm.fields().values.numel(), 0) << "a weight of zeros takes no block";
            }
        }
}

TEST(TestQuantizedSparseKernels, what_each_engine_has) {
    const at::Tensor weight = quantised(at::randn({4, 16}), false), input = at::randn({2, 16});
    for (const auto engine : {QEngine::X86, QEngine::ONEDNN})
        EXPECT_EQ(error_of([&] { SparseLinear::pack(weight, {}, {1, 4}, engine); }).kind(), ErrorKind::missing);
    for (const BlockShape block : {BlockShape{1, 8}, {4, 1}, {1, 1}, {0, 4}})
        for (const auto engine : {QEngine::FBGEMM, QEngine::QNNPACK})
            EXPECT_THAT(error_of([&] { SparseLinear::pack(weight, {}, block, engine); }).what(), HasSubstr("[1, 4]"));
    const SparseLinear fbgemm = SparseLinear::pack(weight, {}, {1, 4}, QEngine::FBGEMM);
    const SparseLinear qnnpack = SparseLinear::pack(weight, {}, {1, 4}, QEngine::QNNPACK);
    const at::Tensor q = at::quantize_per_tensor(input, 0.1, 0, at::kQUInt8);
    EXPECT_THAT(error_of([&] { qnnpack.run_static(q, 0.1, 0); }).what(), HasSubstr("QNNPACK"));
    EXPECT_EQ(error_of([&] { fbgemm.run_dynamic(input); }).kind(), ErrorKind::argument);
    EXPECT_THAT(error_of([&] { fbgemm.run_static(input, 0.1, 0); }).what(), HasSubstr("Float [2, 16]"));
    EXPECT_THAT(error_of([&] { qnnpack.run_dynamic(at::randn({2, 15})); }).what(), HasSubstr("[2, 15]"));
    EXPECT_THAT(error_of([&] {
                    SparseLinear::pack(at::randn({4, 16}), {}, {1, 4}, QEngine::FBGEMM);
                }).what(),
                HasSubstr("QINT8"));
    EXPECT_THAT(error_of([&] {
                    SparseLinear::pack(weight, at::randn({5}), {1, 4}, QEngine::FBGEMM);
                }).what(),
                HasSubstr("bias"));
    EXPECT_EQ(error_of([&] { SparseLinear wrong{c10::IValue(3)}; }).kind(), ErrorKind::argument);
}

TEST(EngineScope, nests_and_puts_the_engine_back) {
    const QEngine before = at::globalContext().qEngine();
    {
        const EngineScope outer(QEngine::QNNPACK);
        EXPECT_EQ(at::globalContext().qEngine(), QEngine::QNNPACK);
        {
            const EngineScope inner(QEngine::FBGEMM);
            EXPECT_EQ(at::globalContext().qEngine(), QEngine::FBGEMM);
        }
        EXPECT_EQ(at::globalContext().qEngine(), QEngine::QNNPACK);
    }
    EXPECT_EQ(at::globalContext().qEngine(), before);
    EXPECT_EQ(error_of([] { EngineScope none(QEngine::NoQEngine); }).kind(), ErrorKind::missing);
    EXPECT_EQ(at::globalContext().qEngine(), before);
    EXPECT_EQ(find_engine("qnnpack"), QEngine::QNNPACK);
    EXPECT_THAT(error_of([] { find_engine("fbgem"); }).what(), HasSubstr("fbgemm, qnnpack"));
}

TEST(EngineScope, threads_with_different_engines_do_not_mix) {
    std::atomic<int> mixed = 0;
    const auto work = [&](QEngine engine) {
        for (int i = 0; i < 500; ++i) {
            const EngineScope scope(engine);
            for (int look = 0; look < 20; ++look) mixed += at::globalContext().qEngine() != engine;
        }
    };
    std::thread other(work, QEngine::QNNPACK);
    work(QEngine::FBGEMM);
    other.join();
    EXPECT_EQ(mixed, 0);
}

/// Blocks of 1×4 of an otherwise constant weight, and what the packed form must then say.
struct PackedCase {
    int64_t columns;
    std::vector<std::pair<int64_t, int64_t>> blocks;  ///< row, column of the block
    std::vector<int64_t> rows, block_columns;
};

const std::vector<PackedCase>& packed_cases() {
    static const std::vector<PackedCase> cases{{16, {{0, 2}, {1, 0}, {1, 1}}, {0, 1, 3, 3}, {2, 0, 1}},
                                               {4008, {{0, 0}, {0, 1001}, {1, 0}}, {0, 2, 3, 3}, {0, 1001, 0}}};
    return cases;
}

struct PackedWeight {
    at::Tensor weight, bias;
    std::vector<int64_t> values;  ///< what is stored of it
};

PackedWeight packed_weight(const PackedCase& c, bool per_tensor, std::vector<int64_t> zero_points) {
    at::Tensor integers = at::zeros({3, c.columns}, at::kLong);
    for (int64_t row = 0; row < 3; ++row) integers[row].fill_(zero_points[size_t(per_tensor ? 0 : row)]);
    PackedWeight made{{}, at::tensor({-0.5f, 0.0f, 4.0f}), {}};
    int64_t next = -7;
    for (const auto& [row, block] : c.blocks)
        for (int64_t i = 0; i < 4; ++i) {
            integers[row][block * 4 + i] = ++next * 5;
            made.values.push_back(next * 5 + 128);
        }
    const at::Tensor scales = at::tensor({0.25, 0.5, 2.0}), zeros = at::tensor(zero_points);
    made.weight = per_tensor ? at::_make_per_tensor_quantized_tensor(integers.to(at::kChar), 0.25, zero_points[0])
                             : at::_make_per_channel_quantized_tensor(integers.to(at::kChar), scales, zeros, 0);
    return made;
}

void expect_fields(const SparseLinearFields& fields, const PackedCase& c, const PackedWeight& packed, bool per_tensor,
                   const std::vector<int64_t>& zero_points) {
    EXPECT_EQ(fields.version, 2);
    EXPECT_TRUE(at::equal(*fields.bias, packed.bias));
    EXPECT_EQ(fields.block, (BlockShape{1, 4}));
    EXPECT_EQ(fields.per_tensor, per_tensor);
    std::vector<double> scales = numbers(fields.scales);
    std::vector<int64_t> zeros = whole(fields.zero_points);
    if (per_tensor) {
        EXPECT_EQ(scales.at(0), 0.25);
        EXPECT_EQ(zeros.at(0), zero_points[0]);
    } else {
        scales.resize(3);  // QNNPACK pads them for its kernels
        zeros.resize(3);
        EXPECT_THAT(scales, ElementsAre(0.25, 0.5, 2.0));
        EXPECT_EQ(zeros, zero_points);
    }
    EXPECT_EQ(whole(fields.rows), c.rows);
    EXPECT_EQ(whole(fields.columns), c.block_columns);
    EXPECT_EQ(whole(fields.values), packed.values);
    EXPECT_EQ(fields.values.scalar_type(), at::kByte);
    EXPECT_EQ(fields.out_features, 3);
    EXPECT_EQ(fields.in_features, c.columns);
}

void expect_unpacks(const SparseLinear& linear, const PackedWeight& packed) {
    const SparseLinear::Unpacked got = linear.unpack();
    EXPECT_TRUE(same_bits(got.weight, packed.weight));
    EXPECT_TRUE(at::equal(*got.bias, packed.bias));
    EXPECT_EQ(got.block, (BlockShape{1, 4}));
}

/// Saved in a TorchScript module, and loaded for `engine`.
SparseLinear through_file(const SparseLinear& linear, QEngine engine) {
    torch::jit::Module holder("__torch__.Holder");
    holder.register_attribute("packed", linear.object().type(), linear.object());
    std::stringstream file;
    holder.save(file);
    const EngineScope scope(engine);
    return SparseLinear(torch::jit::load(file).attr("packed"));
}

void packed_params(QEngine engine, const std::vector<std::vector<int64_t>>& zero_point_sets) {
    for (const PackedCase& c : packed_cases())
        for (const bool per_tensor : {false, true})
            for (const auto& zero_points : zero_point_sets) {
                const PackedWeight packed = packed_weight(c, per_tensor, zero_points);
                const SparseLinear linear = SparseLinear::pack(packed.weight, packed.bias, {1, 4}, engine);
                expect_fields(linear.fields(), c, packed, per_tensor, zero_points);
                expect_unpacks(linear, packed);
                for (const SparseLinear& again :
                     {through_file(linear, engine), SparseLinear::from_fields(linear.fields(), engine)}) {
                    expect_fields(again.fields(), c, packed, per_tensor, zero_points);
                    expect_unpacks(again, packed);
                    const at::Tensor input = at::randn({5, c.columns});
                    const at::Tensor q = at::quantize_per_tensor(input, 0.05, 50, at::kQUInt8);
                    if (engine == QEngine::FBGEMM)
                        EXPECT_TRUE(same_bits(again.run_static(q, 9, 100), linear.run_static(q, 9, 100)));
                    else
                        EXPECT_TRUE(at::equal(again.run_dynamic(input), linear.run_dynamic(input)));
                }
            }
}

TEST(TestQlinearPackedParams, qlinear_packed_params_fbgemm) {
    packed_params(QEngine::FBGEMM, {{0, 0, 0}});
}

TEST(TestQlinearPackedParams, qlinear_packed_params_qnnpack) {
    packed_params(QEngine::QNNPACK, {{0, 0, 0}, {1, 2, 3}});
}

TEST(TestQlinearPackedParams, qlinear_packed_params_fbgemm_qnnpack_cross_compatibility) {
    const std::pair<QEngine, QEngine> ways[] = {{QEngine::FBGEMM, QEngine::QNNPACK},
                                                {QEngine::QNNPACK, QEngine::FBGEMM}};
    for (const auto& [from, to] : ways)
        for (const PackedCase& c : packed_cases())
            for (const bool per_tensor : {false, true}) {
                const PackedWeight packed = packed_weight(c, per_tensor, {0, 0, 0});
                const SparseLinear linear = SparseLinear::pack(packed.weight, packed.bias, {1, 4}, from);
                for (const SparseLinear& other :
                     {through_file(linear, to), SparseLinear::from_fields(linear.fields(), to)}) {
                    expect_fields(other.fields(), c, packed, per_tensor, {0, 0, 0});
                    expect_unpacks(other, packed);
                    const at::Tensor input = at::randn({5, c.columns});
                    const at::Tensor q = at::quantize_per_tensor(input, 0.05, 50, at::kQUInt8);
                    if (to == QEngine::FBGEMM)
                        EXPECT_TRUE(same_bits(other.run_static(q, 9, 100),
                                              dense_static(q, packed.weight, packed.bias, 9, 100, false)));
                    else
                        EXPECT_TRUE(
                            at::equal(other.run_dynamic(input), dense_dynamic(input, packed.weight, packed.bias)));
                }
            }
}

TEST(TestQlinearPackedParams, damaged_fields_are_refused) {
    const PackedWeight packed = packed_weight(packed_cases()[0], false, {0, 0, 0});
    const SparseLinearFields good = SparseLinear::pack(packed.weight, packed.bias, {1, 4}, QEngine::FBGEMM).fields();
    const auto refused = [&](auto damage) {
        for (const auto engine : {QEngine::FBGEMM, QEngine::QNNPACK}) {
            SparseLinearFields fields = good;
            damage(fields);
            EXPECT_EQ(error_of([&] { SparseLinear::from_fields(fields, engine); }).kind(), ErrorKind::argument);
        }
    };
    refused([](SparseLinearFields& f) { f.version = 9; });
    refused([](SparseLinearFields& f) { f.out_features = 300; });
    refused([](SparseLinearFields& f) { f.in_features = 4; });
    refused([](SparseLinearFields& f) { f.in_features = -1; });
    refused([](SparseLinearFields& f) { f.block = {1, 1}; });
    refused([](SparseLinearFields& f) { f.rows = at::tensor({0, 3, 1, 3}, at::kChar); });
    refused([](SparseLinearFields& f) { f.columns = at::tensor({2, 0, 100}, at::kChar); });
    refused([](SparseLinearFields& f) { f.values = f.values.slice(0, 0, 4); });
    refused([](SparseLinearFields& f) { f.scales = f.scales.slice(0, 0, 1); });
}

}  // namespace
}  // namespace lacuna
