#include "engine/torch/structured/analysis.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/script.h>

#include <cmath>
#include <set>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/structured/flat_module.h"

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

/// Numbers made of counts of channels are counts of channels: they follow by themselves when the model runs.
bool passes_counts_on(const std::string& name) {
    static const std::set<std::string> names{"mul",         "floordiv", "floor_divide", "add",         "sub",
                                             "Int",         "list",     "NumToTensor",  "__getitem__", "ScalarImplicit",
                                             "IntImplicit", "to",       "detach",       "div",         "tensor"};
    return names.contains(name);
}

/// Operators that look at a tensor without its sizes and values.
bool looks_at_type_alone(const std::string& name) {
    static const std::set<std::string> names{"dim",    "dtype",     "device",  "layout",    "is_floating_point",
                                             "__is__", "__isnot__", "is_cuda", "is_complex"};
    return names.contains(name);
}

bool takes_sizes(const std::string& name) {
    static const std::set<std::string> names{"view", "reshape", "zeros", "expand", "size"};
    return names.contains(name);
}

std::vector<Channel> counted_by(const Flow& flow) {
    std::vector<Channel> ids = flow.sized;
    for (const Flow& part : flow.parts) {
        const auto more = counted_by(part);
        ids.insert(ids.end(), more.begin(), more.end());
    }
    return ids;
}

std::string plain_name(const jit::Node& node) {
    std::string name = node.kind().toUnqualString();
    if (node.kind().is_aten() && name.size() > 1 && name.back() == '_' && name[name.size() - 2] != '_') name.pop_back();
    return name;
}

bool writes_to_input(const jit::Node& node) {
    const std::string name = node.kind().toUnqualString();
    return name.back() == '_' && name[name.size() - 2] != '_';
}

}  // namespace

std::optional<size_t> Op::index(const char* argument) const {
    const c10::FunctionSchema* schema = node->maybeSchema();
    const auto found = schema ? schema->argumentIndexWithName(argument) : std::nullopt;
    return found && size_t(*found) < in.size() ? std::optional<size_t>(size_t(*found)) : std::nullopt;
}

const Flow* Op::flow(const char* argument) const {
    const auto at = index(argument);
    return at ? in[*at] : nullptr;
}

int64_t Op::number(const char* argument, int64_t otherwise) const {
    const Flow* found = flow(argument);
    if (!found) return otherwise;
    if (found->value.isBool()) return found->value.toBool();
    return found->value.isInt() ? found->value.toInt() : otherwise;
}

Rule find_rule(const std::string& name) {
    for (const RuleTable* table :
         {&layer_rules(), &elementwise_rules(), &shape_rules(), &pool_rules(), &norm_rules(), &recurrent_rules()})
        if (const auto found = table->find(name); found != table->end()) return found->second;
    return nullptr;
}

Analysis::Analysis(std::shared_ptr<jit::Graph> graph, const jit::Module& module, bool narrow_outputs)
    : graph_(std::move(graph)), self_(module._ivalue()), narrow_outputs_(narrow_outputs) {
    for (const auto& parameter : module.named_parameters()) parameters.index_of(parameter.value, parameter.name);
    for (const auto& buffer : module.named_buffers()) parameters.index_of(buffer.value, buffer.name);
}

void Analysis::run(const std::vector<c10::IValue>& inputs) {
    const at::NoGradGuard no_grad;
    const auto values = graph_->inputs();
    if (inputs.size() + 1 != values.size())
        throw Error(ErrorKind::argument, "the model",
                    "takes " + std::to_string(values.size() - 1) + " inputs, not " + std::to_string(inputs.size()),
                    "give an example of each");
    Flow self;
    self.value = self_;
    flows_[values[0]] = self;
    for (size_t i = 0; i < inputs.size(); ++i) {
        Flow flow;
        flow.value = inputs[i].isTensor() ? c10::IValue(inputs[i].toTensor().clone()) : inputs[i];
        flow.varies = !inputs[i].isTensor();
        flows_[values[i + 1]] = std::move(flow);
    }
    run_block(graph_->block());
    for (const jit::Value* value : graph_->outputs()) {
        const Flow& flow = flow_of(value);
        if (!narrow_outputs_) keep(flow, "they are part of the model's output");
        outputs.push_back(flow.value);
        output_flows.push_back(flow);
    }
}

void Analysis::run_block(jit::Block* block) {
    for (jit::Node* node : block->nodes()) run_node(node);
}

void Analysis::run_node(jit::Node* node) {
    switch (node->kind()) {
        case c10::prim::Constant: {
            Flow flow;
            if (const auto value = jit::toIValue(node->output())) flow.value = *value;
            flows_[node->output()] = std::move(flow);
            return;
        }
        case c10::prim::GetAttr:
            return get_attribute(node);
        case c10::prim::If:
            return run_if(node);
        case c10::prim::Loop:
            return run_loop(node);
        default:
            if (!run_structure(node)) run_operator(node);
    }
}

Flow Analysis::attribute_flow(const c10::IValue& value, const std::string& fqn) {
    Flow flow;
    flow.value = value;
    if (flow.is_tensor()) flow.parameter = parameters.index_of(value.toTensor(), fqn);
    if (value.isList())
        for (const c10::IValue& part : value.toListRef()) flow.parts.push_back(attribute_flow(part, fqn));
    return flow;
}

void Analysis::get_attribute(jit::Node* node) {
    const Flow& owner = flow_of(node->input());
    const std::string& name = node->s(c10::attr::name);
    flows_[node->output()] =
        attribute_flow(owner.value.toObject()->getAttr(name), fqn_of(node->output()).value_or(name));
}

void Analysis::run_operator(jit::Node* node) {
    Op op{node, plain_name(*node), {}, {}, {}};
    jit::Stack stack;
    std::vector<Channel> counts;
    bool tensors = false, plain = true, varies = false;
    for (const jit::Value* input : node->inputs()) {
        const Flow& flow = flow_of(input);
        op.in.push_back(&flow);
        stack.push_back(flow.value);
        const auto more = counted_by(flow);
        counts.insert(counts.end(), more.begin(), more.end());
        tensors |= flow.is_tensor();
        varies |= flow.varies && !flow.is_tensor();
        plain &= !flow.is_tensor() || (flow.parameter < 0 && !flow.channels.known() && flow.tensor().dim() == 0);
    }
    if (writes_to_input(*node) && op.in[0]->is_tensor()) op.before = op.in[0]->tensor().clone();
    try {
        node->getOperation()(stack);
    } catch (const Error&) {
        throw;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, op.name, "the model cannot run on the sample input: " + brief(error),
                    "give data, or an input shape, that the model was made for");
    }
    const size_t count = node->outputs().size();
    op.out.resize(count);
    for (size_t i = 0; i < count; ++i) {
        op.out[i].value = std::move(stack[stack.size() - count + i]);
        op.out[i].varies = varies || (tensors && !looks_at_type_alone(op.name));
    }
    const bool counting = !counts.empty() && plain && passes_counts_on(op.name);
    const Rule rule = opaque_ ? nullptr : find_rule(op.name);
    if (counting) {
        for (Flow& out : op.out) out.sized = counts;
    } else {
        if (!takes_sizes(op.name)) bonds.keep(counts, "their number is used in a calculation");
        if (rule)
            rule(*this, op);
        else if (!looks_at_type_alone(op.name) && (op.name != "len" || op.in[0]->is_tensor()))
            keep_inputs(op);
    }
    for (size_t i = 0; i < count; ++i) {
        check_constants(op.out[i]);
        flows_[node->outputs()[i]] = std::move(op.out[i]);
    }
}

void Analysis::check_constants(Flow& flow) {
    Channels& channels = flow.channels;
    if (!channels.known()) return;
    const at::Tensor slices = flow.tensor().transpose(0, channels.dim).reshape({int64_t(channels.ids.size()), -1});
    if (slices.numel() == 0 || !slices.is_floating_point()) return;
    const at::Tensor low = slices.amin(1).to(at::kDouble).contiguous(),
                     high = slices.amax(1).to(at::kDouble).contiguous();
    for (size_t i = 0; i < channels.ids.size(); ++i) {
        const double lowest = low.data_ptr<double>()[i], highest = high.data_ptr<double>()[i];
        if (!channels.constant[i] || highest - lowest <= 1e-5 * std::max(1.0, std::abs(lowest))) continue;
        channels.constant[i] = 0;
        bonds.keep(channels.ids[i], "what they give is not one value everywhere");
    }
}

void Analysis::keep(const Flow& flow, const std::string& why) {
    bonds.keep(flow.channels.ids, why);
    for (const Channels& layer : flow.stacked) bonds.keep(layer.ids, why);
    bonds.keep(flow.sized, why);
    for (const Flow& part : flow.parts) keep(part, why);
    if (flow.parameter >= 0) parameters.keep_whole(flow.parameter, why);
}

std::string Analysis::reason(const Op& op) const {
    std::string layer;
    for (const Flow* flow : op.in)
        if (flow->parameter >= 0 && layer.empty()) {
            const std::string& fqn = const_cast<Analysis*>(this)->parameters.at(flow->parameter).fqn;
            const size_t dot = fqn.rfind('.');
            layer = dot == fqn.npos ? fqn : fqn.substr(0, dot);
        }
    return op.name + (layer.empty() ? "" : " (" + layer + ")") + " needs all of its channels";
}

void Analysis::keep_inputs(const Op& op) {
    const std::string why = reason(op);
    for (const Flow* flow : op.in) keep(*flow, why);
}

void Analysis::keep_varying(const Channels& channels, const std::string& why) {
    for (size_t i = 0; i < channels.ids.size(); ++i)
        if (!channels.constant[i]) bonds.keep(channels.ids[i], why);
}

void Analysis::fold(const Fold& added) {
    const auto& inputs = parameters.at(added.weight).axes[size_t(added.axis)];
    for (size_t i = 0; i < inputs.size(); ++i)
        if (!std::isfinite(added.values[i])) bonds.keep(inputs[i], "they give values that are not finite");
    for (Fold& known : folds) {
        const bool same = known.weight == added.weight && known.bias == added.bias;
        if (!same && known.weight != added.weight && (known.bias != added.bias || added.bias < 0)) continue;
        const auto& others = parameters.at(known.weight).axes[size_t(known.axis)];
        const std::string why = parameters.at(added.weight).fqn + " or its bias is used twice, on different values";
        for (size_t i = 0; i < inputs.size(); ++i)
            if (same ? known.values[i] != added.values[i] || known.carrier != added.carrier : added.values[i] != 0)
                bonds.keep(inputs[i], why);
        for (size_t i = 0; !same && i < others.size(); ++i)
            if (known.values[i] != 0) bonds.keep(others[i], why);
        if (same) return known.uses.insert(known.uses.end(), added.uses.begin(), added.uses.end()), void();
    }
    folds.push_back(added);
}

void Analysis::patch_size(const Op& op, size_t input, int64_t element, const std::vector<Channel>& ids) {
    patches.push_back({op.node, input, element, ids});
}

}  // namespace lacuna::structured
