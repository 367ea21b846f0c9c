#include "engine/torch/structured/shrink.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/script.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/base/error.h"
#include "engine/torch/module_tree.h"
#include "engine/torch/structured/analysis.h"
#include "engine/torch/structured/flat_module.h"
#include "engine/torch/structured/shorten.h"

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

std::string share(int64_t gone, int64_t of, const char* what) {
    return std::to_string(gone) + " of " + std::to_string(of) + " " + what;
}

/// Turns what an analysis found into new tensors and an edited graph.
class Surgery {
  public:
    Surgery(Analysis& analysis, std::shared_ptr<jit::Graph> graph) : analysis_(analysis), graph_(std::move(graph)) {}

    void run() {
        equalise();
        for (const Fold& fold : analysis_.folds) take_in(fold);
        for (size_t i = 0; i < analysis_.parameters.all().size(); ++i) slice(int64_t(i));
        patch();
        for (const ShortNorm& norm : analysis_.norms) shorten(norm, analysis_, *graph_, tensors, rows);
    }

    NewTensors tensors;
    std::vector<ConversionRow> rows;

  private:
    Bonds& bonds() { return analysis_.bonds; }

    std::vector<int64_t> leaving(const std::vector<Channel>& all) {
        std::vector<int64_t> places;
        for (size_t i = 0; i < all.size(); ++i)
            if (bonds().leaves(all[i])) places.push_back(int64_t(i));
        return places;
    }

    /// No layer loses everything. Layers of one LSTM keep their one size: as many units leave each as leave the layer
    /// that loses fewest.
    void equalise() {
        for (bool changed = true; changed;) {
            changed = false;
            for (const Parameter& parameter : analysis_.parameters.all())
                for (const auto& axis : parameter.axes)
                    if (!axis.empty() && bonds().staying(axis).empty()) {
                        bonds().keep(axis.front(), "a layer keeps at least one channel");
                        changed = true;
                    }
            for (const auto& parts : analysis_.equal_counts) {
                const auto* least = &parts.front();
                for (const auto& part : parts)
                    if (leaving(part).size() < leaving(*least).size()) least = &part;
                const size_t fewest = leaving(*least).size();
                for (const auto& part : parts) {
                    const auto places = leaving(part);
                    for (size_t i = fewest; i < places.size(); ++i)
                        bonds().keep(part[size_t(places[i])],
                                     "the layers of one LSTM have one size" + reason_at(*least, size_t(places[i])));
                    changed |= places.size() > fewest;
                }
            }
        }
    }

    /// "; …": why the channel at this place stays, if anybody said.
    std::string reason_at(const std::vector<Channel>& part, size_t place) {
        if (place >= part.size() || part[place] == fixed || bonds().why(part[place]).empty()) return {};
        return "; " + bonds().why(part[place]);
    }

    at::Tensor& edited(int64_t parameter) {
        return edited_.try_emplace(parameter, analysis_.parameters.at(parameter).tensor).first->second;
    }

    /// The values of leaving channels go to the bias, or, under a zero padding, to the channel that carries them.
    void take_in(const Fold& fold) {
        const Parameter& weight = analysis_.parameters.at(fold.weight);
        std::vector<int64_t> places;
        std::vector<double> values;
        for (const int64_t i : leaving(weight.axes[size_t(fold.axis)]))
            if (fold.values[size_t(i)] != 0) {
                places.push_back(i);
                values.push_back(fold.values[size_t(i)]);
            }
        if (places.empty()) return;
        const at::Tensor parts = weight.tensor.to(at::kDouble).index_select(fold.axis, at::tensor(places));
        std::vector<int64_t> shape(size_t(weight.tensor.dim()), 1);
        shape[size_t(fold.axis)] = -1;
        const at::Tensor weighted = parts * at::tensor(values, at::kDouble).reshape(shape);
        if (fold.carrier >= 0) {
            at::Tensor& into = edited(fold.weight);
            into = into.to(at::kDouble, false, true);
            into.select(fold.axis, fold.carrier).add_(weighted.sum(fold.axis) / fold.values[size_t(fold.carrier)]);
            into = into.to(weight.tensor.scalar_type());
            return;
        }
        std::vector<int64_t> all_but_rows;
        for (int64_t i = 1; i < weighted.dim(); ++i) all_but_rows.push_back(i);
        const at::Tensor sums = weighted.sum(all_but_rows);
        if (fold.bias >= 0)
            edited(fold.bias) = (edited(fold.bias).to(at::kDouble) + sums).to(weight.tensor.scalar_type());
        else if (sums.ne(0).any().item<bool>())
            add_bias(fold, sums.to(weight.tensor.scalar_type()));
    }

    void add_bias(const Fold& fold, at::Tensor values) {
        const Parameter& weight = analysis_.parameters.at(fold.weight);
        const auto [owner, name] = split_tensor_fqn(weight.fqn);
        const std::string bias = name == "weight" ? "bias" : name + "_bias";
        const auto& outputs = weight.axes[size_t(weight.row_axis)];
        values = values.index_select(0, at::tensor(bonds().staying(outputs)));
        tensors.added[join_fqn(owner, bias)] = values;
        rows.push_back({join_fqn(owner, bias), {}, values.sizes().vec(), "new: what removed channels gave"});
        for (const auto& [node, input] : fold.uses)
            node->replaceInput(input, insert_beside_weight(*node, weight.fqn, bias));
    }

    void slice(int64_t index) {
        const Parameter& parameter = analysis_.parameters.at(index);
        at::Tensor tensor = edited(index);
        std::string what;
        for (size_t axis = 0; axis < parameter.axes.size(); ++axis) {
            const auto staying = bonds().staying(parameter.axes[axis]);
            const int64_t size = parameter.tensor.size(int64_t(axis));
            if (parameter.axes[axis].empty() || int64_t(staying.size()) == size) continue;
            tensor = tensor.index_select(int64_t(axis), at::tensor(staying, at::kLong));
            const bool matrix = parameter.axes.size() > 1;
            const char* name = !matrix ? "values" : int64_t(axis) == parameter.row_axis ? "outputs" : "inputs";
            what += (what.empty() ? "" : ", ") + share(size - int64_t(staying.size()), size, name);
        }
        what += what.empty() ? "" : " removed";
        if (!edited_.at(index).is_same(parameter.tensor))
            what += std::string(what.empty() ? "" : ", ") + "took in what removed channels gave";
        if (what.empty()) return;
        tensors.replaced.emplace_back(parameter.tensor,
                                      tensor.contiguous().detach().requires_grad_(parameter.tensor.requires_grad()));
        rows.push_back({parameter.fqn, parameter.tensor.sizes().vec(), tensor.sizes().vec(), what});
    }

    void patch() {
        std::map<std::tuple<jit::Node*, size_t, int64_t>, int64_t> done;
        for (const Patch& patch : analysis_.patches) {
            const auto count = int64_t(bonds().staying(patch.ids).size());
            const auto [known, fresh] = done.try_emplace({patch.node, patch.input, patch.element}, count);
            if (!fresh && known->second != count)
                throw Error(ErrorKind::argument, patch.node->kind().toQualString(),
                            "its size counts the channels of two layers that would differ", "prune them alike");
            if (fresh && count < int64_t(patch.ids.size())) write(patch, count);
        }
    }

    void write(const Patch& patch, int64_t count) {
        const jit::WithInsertPoint here(patch.node);
        jit::Value* old = patch.node->input(patch.input);
        if (patch.element < 0) {
            patch.node->replaceInput(patch.input, graph_->insertConstant(count));
            return;
        }
        std::vector<jit::Value*> elements;
        if (old->node()->kind() == c10::prim::ListConstruct) {
            elements = old->node()->inputs().vec();
        } else if (const auto constant = jit::toIValue(old); constant && constant->isIntList()) {
            for (const int64_t size : constant->toIntVector()) elements.push_back(graph_->insertConstant(size));
        } else {
            return;  // worked out when the model runs
        }
        const auto number = jit::toIValue(elements.at(size_t(patch.element)));
        if (!number || number->toInt() < 0) return;
        elements[size_t(patch.element)] = graph_->insertConstant(count);
        jit::Node* list = graph_->insertNode(graph_->createList(c10::IntType::get(), elements));
        patch.node->replaceInput(patch.input, list->output());
    }

    Analysis& analysis_;
    std::shared_ptr<jit::Graph> graph_;
    std::map<int64_t, at::Tensor> edited_;
};

/// Pruned rows that stay, and why; one line for each tensor.
std::vector<std::string> staying_rows(Analysis& analysis) {
    std::vector<std::string> notes;
    for (const Parameter& parameter : analysis.parameters.all()) {
        if (parameter.tensor.dim() < 2 || !parameter.tensor.is_floating_point()) continue;
        const int64_t axis = std::max<int64_t>(parameter.row_axis, 0);
        const auto empty = empty_slices(parameter.tensor, axis);
        const auto& ids = parameter.axes[size_t(axis)];
        int64_t pruned = 0, stay = 0;
        std::string why = parameter.whole ? parameter.why : "no operation that can be made smaller uses it";
        for (size_t i = 0; i < empty.size(); ++i) {
            if (!empty[i]) continue;
            ++pruned;
            const bool stays = i >= ids.size() || !analysis.bonds.leaves(ids[i]);
            if (stays && stay == 0 && i < ids.size() && ids[i] != fixed) why = analysis.bonds.why(ids[i]);
            stay += stays;
        }
        if (stay > 0) notes.push_back(parameter.fqn + ": " + share(stay, pruned, "pruned rows") + " stay: " + why);
    }
    return notes;
}

void collect_outputs(Analysis& analysis, const Flow& flow, const c10::IValue& value, std::vector<OutputChannels>& all) {
    if (value.isTensor()) {
        OutputChannels output;
        if (flow.channels.known()) output = {flow.channels.dim, analysis.bonds.staying(flow.channels.ids)};
        all.push_back(std::move(output));
        return;
    }
    const Flow unknown;
    const auto parts = value.isTuple()  ? c10::ArrayRef<c10::IValue>(value.toTupleRef().elements())
                       : value.isList() ? value.toListRef()
                                        : c10::ArrayRef<c10::IValue>();
    for (size_t i = 0; i < parts.size(); ++i)
        collect_outputs(analysis, flow.parts.size() == parts.size() ? flow.parts[i] : unknown, parts[i], all);
}

}  // namespace

Shrunk shrink(const jit::Module& model, const std::vector<c10::IValue>& sample, bool narrow_outputs) {
    auto graph = flat_forward(model);
    Analysis analysis(graph, model, narrow_outputs);
    analysis.run(sample);
    Surgery surgery(analysis, graph);
    surgery.run();
    Shrunk result;
    result.notes = staying_rows(analysis);
    if (surgery.rows.empty())
        throw Error(ErrorKind::argument, "the model",
                    result.notes.empty() ? "has no row whose weights are all zero"
                                         : "nothing can be taken out: " + result.notes.front(),
                    "prune whole rows, with saliency for example, of layers whose outputs only other layers take");
    jit::EliminateDeadCode(graph);
    for (const Flow& flow : analysis.output_flows) collect_outputs(analysis, flow, flow.value, result.outputs);
    result.module = rebuilt(model, graph, surgery.tensors);
    result.rows = std::move(surgery.rows);
    return result;
}

}  // namespace lacuna::structured
