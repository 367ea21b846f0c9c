#include "engine/torch/structured/shorten.h"

#include <torch/jit.h>
#include <torch/script.h>

#include "engine/torch/module_tree.h"

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

/// What a layer norm of `size` channels gives where those that `x` lacks are 0: its rows, and the number that each
/// missing channel would have before weight and bias. Narrow types are summed up in FLOAT, as LibTorch's own does.
std::shared_ptr<jit::Graph> short_norm(bool weight, bool bias, at::ScalarType type) {
    const bool narrow = type != at::kFloat && type != at::kDouble;
    std::string arguments = "x: Tensor, size: int, eps: float", rows = "centred * scale";
    if (weight) {
        arguments += ", weight: Tensor";
        rows = "(" + rows + ") * weight";
    }
    if (bias) {
        arguments += ", bias: Tensor";
        rows += " + bias";
    }
    const std::string source = "def short_norm(" + arguments + "):\n    wide = x" + (narrow ? ".to(6)" : "") + R"(
    mean = wide.sum([-1], True) / size
    centred = wide - mean
    squares = centred.square().sum([-1], True) + mean.square() * (size - x.size(-1))
    scale = torch.rsqrt(squares / size + eps)
    return ()" + rows + ").type_as(x), (-mean * scale).type_as(x)\n";
    return toGraphFunction(jit::compile(source)->get_function("short_norm")).graph();
}

/// The norm's rows and the number beside them.
std::pair<jit::Value*, jit::Value*> insert_norm(const ShortNorm& norm, jit::Graph& graph, at::ScalarType type) {
    const jit::WithInsertPoint here(norm.node);
    std::vector<jit::Value*> inputs{norm.node->input(0), graph.insertConstant(int64_t(norm.ids.size())),
                                    norm.node->namedInput("eps")};
    if (norm.weight >= 0) inputs.push_back(norm.node->namedInput("weight"));
    if (norm.bias >= 0) inputs.push_back(norm.node->namedInput("bias"));
    jit::Value* both = jit::insertGraph(graph, *short_norm(norm.weight >= 0, norm.bias >= 0, type), inputs).at(0);
    jit::Node* parts = graph.insertNode(graph.createTupleUnpack(both));
    return {parts->outputs()[0], parts->outputs()[1]};
}

/// The leaving columns of a linear layer's weight, each times the norm's weight there, added up.
at::Tensor carried_by(const ShortNorm& norm, Analysis& analysis, const Parameter& linear) {
    std::vector<int64_t> leaving;
    for (size_t i = 0; i < norm.ids.size(); ++i)
        if (analysis.bonds.leaves(norm.ids[i])) leaving.push_back(int64_t(i));
    const at::Tensor places = at::tensor(leaving, at::kLong);
    at::Tensor columns = linear.tensor.detach().to(at::kDouble).index_select(1, places);
    if (norm.weight >= 0)
        columns = columns * analysis.parameters.at(norm.weight).tensor.detach().to(at::kDouble).index_select(0, places);
    const at::Tensor rows = at::tensor(analysis.bonds.staying(linear.axes[0]), at::kLong);
    return columns.sum(1).index_select(0, rows).to(linear.tensor.scalar_type());
}

/// The FQN under which `values` are added; one that other values have already is passed by.
std::string add_beside(const std::string& weight_fqn, const at::Tensor& values, NewTensors& tensors,
                       std::vector<ConversionRow>& rows) {
    std::string name = "carried";
    const std::string owner = split_tensor_fqn(weight_fqn).first;
    while (true) {
        const auto [known, fresh] = tensors.added.try_emplace(join_fqn(owner, name), values);
        if (fresh)
            rows.push_back(
                {known->first, {}, values.sizes().vec(), "new: what a layer norm makes of removed channels"});
        if (fresh || known->second.equal(values)) return name;
        name += "_";
    }
}

}  // namespace

void shorten(const ShortNorm& norm, Analysis& analysis, jit::Graph& graph, NewTensors& tensors,
             std::vector<ConversionRow>& rows) {
    if (analysis.bonds.staying(norm.ids).size() == norm.ids.size()) return;
    const at::ScalarType type = analysis.parameters.at(norm.uses.at(0).weight).tensor.scalar_type();
    const auto [normal, number] = insert_norm(norm, graph, type);
    norm.node->output()->replaceAllUsesWith(normal);
    for (const ShortNorm::Use& use : norm.uses) {
        const Parameter& weight = analysis.parameters.at(use.weight);
        const std::string name = add_beside(weight.fqn, carried_by(norm, analysis, weight), tensors, rows);
        jit::Value* carried = insert_beside_weight(*use.linear, weight.fqn, name);
        const jit::WithInsertPoint behind(use.linear->next());
        jit::Value* product = graph.insert(c10::aten::mul, {number, carried});
        jit::Value* sum = graph.insert(c10::aten::add, {use.linear->output(), product});
        use.linear->output()->replaceAllUsesAfterNodeWith(sum->node(), sum);
    }
}

}  // namespace lacuna::structured
