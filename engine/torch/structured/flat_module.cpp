#include "engine/torch/structured/flat_module.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/remove_exceptions.h>
#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/module_tree.h"

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

bool is_module(const c10::TypePtr& type) {
    const auto known = type->cast<c10::ClassType>();
    return known && known->is_module();
}

std::optional<jit::Module> module_at(const jit::Module& root, const jit::Value* value) {
    const auto fqn = fqn_of(value);
    if (!fqn) return std::nullopt;
    jit::Module module = root;
    for (std::string_view rest = *fqn; !rest.empty();) {
        const size_t dot = rest.find('.');
        module = module.attr(std::string(rest.substr(0, dot))).toModule();
        rest = dot == rest.npos ? std::string_view() : rest.substr(dot + 1);
    }
    return module;
}

/// Whether a value is or holds a tensor or a module, so that it must stay an attribute.
bool stays_attribute(const c10::IValue& value) {
    if (value.isTensor() || value.isObject() || value.isCapsule()) return true;
    for (const auto& part : value.isList()    ? value.toListRef()
                            : value.isTuple() ? c10::ArrayRef<c10::IValue>(value.toTupleRef().elements())
                                              : c10::ArrayRef<c10::IValue>())
        if (stays_attribute(part)) return true;
    return value.isGenericDict();
}

void attributes_to_constants(const jit::Module& root, jit::Block* block, jit::Graph& graph) {
    for (jit::Node* node : block->nodes()) {
        for (jit::Block* inner : node->blocks()) attributes_to_constants(root, inner, graph);
        if (node->kind() != c10::prim::GetAttr) continue;
        const auto owner = module_at(root, node->input());
        if (!owner) continue;
        const c10::IValue value = owner->attr(node->s(c10::attr::name));
        if (stays_attribute(value)) continue;
        const jit::WithInsertPoint here(node);
        if (const auto constant = jit::tryInsertConstant(graph, value)) node->output()->replaceAllUsesWith(*constant);
    }
}

bool has_graph(const jit::Node& call) {
    if (call.kind() == c10::prim::CallMethod) {
        const auto type = call.input(0)->type()->cast<c10::ClassType>();
        return type && jit::tryToGraphFunction(type->getMethod(call.s(c10::attr::name)));
    }
    const auto type =
        call.kind() == c10::prim::CallFunction ? call.input(0)->type()->cast<c10::FunctionType>() : nullptr;
    return type && jit::tryToGraphFunction(*type->function());
}

bool has_calls(const jit::Block& block) {
    for (const jit::Node* node : block.nodes()) {
        if (has_graph(*node)) return true;
        for (const jit::Block* inner : node->blocks())
            if (has_calls(*inner)) return true;
    }
    return false;
}

/// The new tensor for an old one, also inside lists and tuples.
c10::IValue mapped(const c10::IValue& value, const NewTensors& tensors) {
    if (value.isTensor()) {
        const at::Tensor& old = value.toTensor();
        for (const auto& [from, to] : tensors.replaced)
            if (from.is_same(old) || (from.numel() > 0 && old.defined() && from.data_ptr() == old.data_ptr() &&
                                      from.sizes() == old.sizes() && from.strides() == old.strides()))
                return to;
        return value;
    }
    if (value.isTensorList()) {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(mapped(tensor, tensors).toTensor());
        return list;
    }
    if (value.isList()) {
        c10::impl::GenericList list(value.toList().elementType());
        for (const c10::IValue& part : value.toListRef()) list.push_back(mapped(part, tensors));
        return list;
    }
    return value;
}

class Rebuild {
  public:
    Rebuild(const NewTensors& tensors) : tensors_(tensors), unit_(std::make_shared<jit::CompilationUnit>()) {}

    jit::Module tree(const jit::Module& old, const std::string& fqn) {
        if (const auto known = built_.find(old._ivalue().get()); known != built_.end()) return known->second;
        const auto type = old.type();
        jit::Module fresh(*type->name(), unit_, true);
        built_.emplace(old._ivalue().get(), fresh);
        for (size_t i = 0; i < type->numAttributes(); ++i) {
            const std::string& name = type->getAttributeName(i);
            const std::string own = join_fqn(fqn, name);
            const c10::IValue value = old._ivalue()->getSlot(i);
            if (const auto added = tensors_.added.find(own); added != tensors_.added.end())
                fresh.register_parameter(name, added->second, false);
            else if (is_module(type->getAttribute(i)))
                fresh.register_module(name, tree(value.toModule(), own));
            else
                fresh.register_attribute(name, type->getAttribute(i), mapped(value, tensors_), type->is_parameter(i),
                                         type->is_buffer(i));
        }
        for (const auto& [added, tensor] : tensors_.added) {
            const auto [owner, name] = split_tensor_fqn(added);
            if (owner == fqn && !fresh.type()->hasAttribute(name)) fresh.register_parameter(name, tensor, false);
        }
        return fresh;
    }

    std::shared_ptr<jit::CompilationUnit> unit() const { return unit_; }

  private:
    const NewTensors& tensors_;
    std::shared_ptr<jit::CompilationUnit> unit_;
    std::map<const void*, jit::Module> built_;
};

/// The types of attribute chains are the new module's.
void retype(jit::Block* block) {
    for (jit::Node* node : block->nodes()) {
        if (node->kind() == c10::prim::GetAttr)
            if (const auto owner = node->input()->type()->cast<c10::ClassType>(); owner && owner->is_module())
                node->output()->setType(owner->getAttribute(node->s(c10::attr::name)));
        for (jit::Block* inner : node->blocks()) retype(inner);
    }
}

}  // namespace

std::shared_ptr<jit::Graph> flat_forward(const jit::Module& module) {
    const auto method = module.find_method("forward");
    if (!method)
        throw Error(ErrorKind::argument, "the model", "has no method called forward", "there is nothing to run");
    auto graph = method->graph()->copy();
    while (has_calls(*graph->block()))
        jit::Inline(*graph);  // a level at a time, in a model that ran unoptimised before
    attributes_to_constants(module, graph->block(), *graph);
    jit::ConstantPropagation(graph, /*ignore_custom_classes=*/true);  // first: where nothing but an exception is left
    jit::EliminateExceptions(graph);
    jit::ConstantPropagation(graph, /*ignore_custom_classes=*/true);
    jit::EliminateDeadCode(graph);
    return graph;
}

std::optional<std::string> fqn_of(const jit::Value* value) {
    const jit::Node* node = value->node();
    if (node->kind() == c10::prim::Param && value == node->owningGraph()->inputs()[0]) return "";
    if (node->kind() != c10::prim::GetAttr) return std::nullopt;
    const auto owner = fqn_of(node->input());
    if (!owner) return std::nullopt;
    return join_fqn(*owner, node->s(c10::attr::name));
}

jit::Value* insert_beside_weight(jit::Node& layer, const std::string& weight_fqn, const std::string& name) {
    jit::Value* weight = layer.namedInput("weight");
    if (weight->node()->kind() != c10::prim::GetAttr)
        throw Error(ErrorKind::argument, weight_fqn, "its layer needs another tensor and takes its weight from a list",
                    "use the masked model as it is");
    jit::Node* get = layer.owningGraph()->create(c10::prim::GetAttr, {weight->node()->input()});
    get->s_(c10::attr::name, name);
    get->output()->setType(c10::TensorType::get());
    get->insertBefore(&layer);
    return get->output();
}

jit::Module rebuilt(const jit::Module& old, std::shared_ptr<jit::Graph> graph, const NewTensors& tensors) {
    Rebuild rebuild(tensors);
    jit::Module fresh = rebuild.tree(old, "");
    graph->inputs()[0]->setType(fresh.type());
    retype(graph->block());
    const c10::FunctionSchema& schema = old.get_method("forward").function().getSchema();
    std::vector<c10::Argument> arguments = schema.arguments();
    arguments[0] = c10::Argument(arguments[0].name(), fresh.type());
    jit::Function* forward =
        rebuild.unit()->create_function(c10::QualifiedName(*fresh.type()->name(), "forward"), std::move(graph));
    forward->setSchema(schema.cloneWithArguments(std::move(arguments)));
    fresh.type()->addMethod(forward);
    return fresh;
}

}  // namespace lacuna::structured
