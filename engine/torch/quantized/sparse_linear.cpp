#include "engine/torch/quantized/sparse_linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/ao_sparse/quantized/cpu/packed_params.h>
#include <torch/script.h>

#include <string>

#include "engine/base/error.h"
#include "engine/tensor/tensor_view.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/quantized/engine_scope.h"

namespace lacuna {
namespace {

using Packed = c10::intrusive_ptr<ao::sparse::LinearPackedParamsBase>;
constexpr const char* where = "sparse quantised linear";
constexpr const char* class_name = "__torch__.torch.classes.sparse.LinearPackedParamsBase";

Error wrong(std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, where, std::move(what), std::move(hint));
}

template <class Signature>
auto operation(const char* name) {
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

/// What LibTorch throws, as an Error.
template <class Call>
auto guarded(Call&& call) {
    try {
        return call();
    } catch (const Error&) {
        throw;
    } catch (const std::exception& error) {
        throw wrong("LibTorch refuses: " + brief(error));
    }
}

void demand_sparse(c10::QEngine engine) {
    if (engine != sparse_static_engine && engine != sparse_dynamic_engine)
        throw Error(ErrorKind::missing, std::string(engine_name(engine)), "this engine has no sparse linear operators",
                    "fbgemm has them with static ranges, qnnpack with dynamic ones");
}

void demand_block(BlockShape block, c10::QEngine engine) {
    const bool row = block == BlockShape{1, 4}, column = block == BlockShape{8, 1};
    if (row || (column && engine == sparse_dynamic_engine)) return;
    throw wrong("blocks of " + std::to_string(block.rows) + "×" + std::to_string(block.columns) + " do not run on " +
                    std::string(engine_name(engine)),
                "use sparse_block_shape [1, 4]");
}

void demand_weight(const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
    if (!weight.defined() || weight.dim() != 2 || weight.scalar_type() != at::kQInt8 || weight.numel() == 0)
        throw wrong("the weight must be QINT8 with two dimensions and not empty");
    if (weight.qscheme() == at::kPerChannelAffine && weight.q_per_channel_axis() != 0)
        throw wrong("the weight must be quantised per tensor or per output channel (dimension 0)");
    if (bias && (bias->scalar_type() != at::kFloat || bias->dim() != 1 || bias->size(0) != weight.size(0)))
        throw wrong("the bias must be FLOAT with one value for each output");
}

Packed packed(const c10::IValue& object) {
    return object.toCustomClass<ao::sparse::LinearPackedParamsBase>();
}

void demand_indices(const SparseLinearFields& fields) {
    const auto wrong_field = [](const char* what) { return wrong(std::string("damaged fields: ") + what); };
    const auto whole = [](int64_t size, int64_t side) { return (size + side - 1) / side; };
    const BlockShape block = fields.block;
    if (fields.version != 1 && fields.version != 2) throw wrong_field("an unknown version");
    if (fields.out_features < 1 || fields.in_features < 1) throw wrong_field("no outputs or no inputs");
    const at::Tensor rows = fields.rows.to(at::kLong).contiguous(), columns = fields.columns.to(at::kLong).contiguous();
    const int64_t blocks = columns.numel();
    if (rows.numel() != whole(fields.out_features, block.rows) + 1) throw wrong_field("the number of rows");
    const int64_t *row = rows.const_data_ptr<int64_t>(), *column = columns.const_data_ptr<int64_t>();
    for (int64_t i = 0; i + 1 < rows.numel(); ++i)
        if (row[i] > row[i + 1]) throw wrong_field("rows that fall");
    if (row[0] != 0 || row[rows.numel() - 1] != blocks) throw wrong_field("rows that do not cover the blocks");
    for (int64_t i = 0; i < blocks; ++i)
        if (column[i] < 0 || column[i] >= whole(fields.in_features, block.columns))
            throw wrong_field("a column that is not there");
    if (fields.values.scalar_type() != at::kByte || fields.values.numel() != blocks * block.rows * block.columns)
        throw wrong_field("the number of values");
    const int64_t scales = fields.per_tensor ? 1 : fields.out_features;
    if (fields.scales.numel() < scales || fields.zero_points.numel() < scales)
        throw wrong_field("the number of scales");
}

}  // namespace

SparseLinear SparseLinear::pack(const at::Tensor& weight, const std::optional<at::Tensor>& bias, BlockShape block,
                                c10::QEngine engine) {
    demand_sparse(engine);
    demand_block(block, engine);
    demand_weight(weight, bias);
    const EngineScope scope(engine);
    return guarded([&] {
        const auto prepack = operation<Packed(const at::Tensor&, const std::optional<at::Tensor>&, int64_t, int64_t)>(
            "sparse::qlinear_prepack");
        return SparseLinear(c10::IValue(prepack.call(weight, bias, block.rows, block.columns)));
    });
}

SparseLinear SparseLinear::from_fields(const SparseLinearFields& fields, c10::QEngine engine) {
    demand_sparse(engine);
    demand_block(fields.block, engine);
    demand_indices(fields);
    const EngineScope scope(engine);
    return guarded([&] {
        // The class is LibTorch's own and its headers are not shipped: made as TorchScript's unpickler makes it.
        const auto type = torch::getCustomClass(class_name);
        auto object = c10::ivalue::Object::create(c10::StrongTypePtr(nullptr, type), 1);
        ao::sparse::BCSRSerializationType state(fields.version, fields.bias, fields.block.rows, fields.block.columns,
                                                fields.scales, fields.zero_points, fields.per_tensor, fields.rows,
                                                fields.columns, fields.values, fields.out_features, fields.in_features);
        type->getMethod("__setstate__")({object, c10::IValue(std::move(state))});
        return SparseLinear(c10::IValue(std::move(object)));
    });
}

SparseLinear::SparseLinear(const c10::IValue& object) : object_(std::make_shared<const c10::IValue>(object)) {
    if (!object.isObject() || object.type()->str() != class_name) throw wrong("this is no packed sparse weight");
    in_features_ = guarded([&] { return std::get<0>(packed(object)->unpack()).size(1); });
}

void SparseLinear::demand_input(const at::Tensor& input, at::ScalarType type) const {
    if (input.scalar_type() == type && input.dim() >= 2 && input.size(-1) == in_features_) return;
    throw wrong("inputs must be " + std::string(c10::toString(type)) + " with two dimensions or more, the last of " +
                std::to_string(in_features_) + "; these are " + std::string(c10::toString(input.scalar_type())) + " " +
                to_string(input.sizes().vec()));
}

SparseLinear::Unpacked SparseLinear::unpack() const {
    auto [weight, bias, block] = packed(*object_)->unpack();
    return {weight, bias, {block.at(0), block.at(1)}};
}

SparseLinearFields SparseLinear::fields() const {
    auto [version, bias, rows, columns, scales, zero_points, per_tensor, row_indices, column_indices, values, out, in] =
        packed(*object_)->serialize();
    return {version,     bias,           {rows, columns}, scales, zero_points, per_tensor,
            row_indices, column_indices, values,          out,    in};
}

at::Tensor SparseLinear::run_static(const at::Tensor& input, double scale, int64_t zero_point, bool relu) const {
    demand_input(input, at::kQUInt8);
    const Packed weight = packed(*object_);
    return guarded([&] {
        using Run = at::Tensor(const at::Tensor&, const Packed&, double, int64_t);
        return operation<Run>(relu ? "sparse::qlinear_relu" : "sparse::qlinear").call(input, weight, scale, zero_point);
    });
}

at::Tensor SparseLinear::run_dynamic(const at::Tensor& input) const {
    demand_input(input, at::kFloat);
    const Packed weight = packed(*object_);
    const EngineScope scope(sparse_dynamic_engine);
    return guarded([&] {
        return operation<at::Tensor(const at::Tensor&, const Packed&)>("sparse::qlinear_dynamic").call(input, weight);
    });
}

}  // namespace lacuna
