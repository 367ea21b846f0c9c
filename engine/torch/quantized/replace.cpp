#include "engine/torch/quantized/replace.h"

#include <torch/script.h>

#include <unordered_map>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"

namespace lacuna {
namespace {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

using Object = c10::ivalue::Object;

Error wrong(const std::string& where, std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, where.empty() ? "the model" : where, std::move(what), std::move(hint));
}

/// The class type behind a value, null if it is none.
c10::ClassTypePtr class_of(const Value* value) {
    return value->type()->cast<c10::ClassType>();
}

class Rebuild {
  public:
    Rebuild(const Module& root, const Replacements& replacements) {
        for (const auto& [fqn, module] : replacements) {
            const auto old = fqn_to_module(root, fqn);
            if (fqn.empty()) throw wrong(fqn, "the root itself cannot be replaced", "name the layers below it");
            if (!old) throw wrong(fqn, "the model has no layer of that name");
            if (const auto [at, added] = built_.try_emplace(old->_ivalue().get(), module); !added)
                throw wrong(fqn, "this layer is named twice", "name each layer once");
            replaced_types_.emplace(module.type().get(), fqn);
            carry_hooks(*old, module, fqn);
            carry_calls(*old, module, fqn);
        }
    }

    Module build(const Module& old, const std::string& fqn) {
        if (const auto known = built_.find(old._ivalue().get()); known != built_.end()) return known->second;
        if (!touches(old)) return old;
        Module fresh(*old.type()->name(), unit_, true);
        built_.emplace(old._ivalue().get(), fresh);
        copy_members(old, fresh, fqn);
        copy_code(old, fresh, fqn);
        return fresh;
    }

  private:
    bool touches(const Module& module) {
        const Object* key = module._ivalue().get();
        if (built_.contains(key)) return true;
        if (const auto known = touched_.find(key); known != touched_.end()) return known->second;
        bool any = false;
        for (const c10::IValue& slot : module._ivalue()->slots())
            if (slot.isModule()) any = touches(slot.toModule()) || any;
        return touched_[key] = any;
    }

    void copy_members(const Module& old, Module& fresh, const std::string& fqn) {
        const c10::ClassTypePtr from = old.type(), to = fresh.type();
        for (size_t i = 0; i < from->numAttributes(); ++i) {
            const std::string& name = from->getAttributeName(i);
            c10::IValue value = old._ivalue()->getSlot(i);
            c10::TypePtr type = from->getAttribute(i);
            if (value.isModule() && touches(value.toModule())) {
                if (!type->cast<c10::ClassType>())
                    throw wrong(join_fqn(fqn, name), "the model keeps this layer behind an interface", "leave it out");
                const Module child = build(value.toModule(), join_fqn(fqn, name));
                type = child.type();
                value = child._ivalue();
            }
            to->addAttribute(name, type, from->is_parameter(i), from->is_buffer(i));
            fresh._ivalue()->setAttr(name, std::move(value));
        }
        for (size_t i = 0; i < from->numConstants(); ++i)
            to->addConstant(from->getConstantName(i), from->getConstant(i));
    }

    void copy_code(const Module& old, Module& fresh, const std::string& fqn) {
        const c10::ClassTypePtr from = old.type(), to = fresh.type();
        for (Function* method : from->methods()) to->addMethod(copy(*method, fresh, fqn));
        for (Function* hook : from->getForwardPreHooks()) to->addForwardPreHook(copy(*hook, fresh, fqn));
        for (Function* hook : from->getForwardHooks()) to->addForwardHook(copy(*hook, fresh, fqn));
        for (const auto& property : from->properties())
            to->addProperty(property.name, to->findMethod(property.getter->name()),
                            property.setter ? to->findMethod(property.setter->name()) : nullptr);
    }

    /// Hooks are methods of the class that they hang on; the replacement needs them as its own.
    void carry_hooks(const Module& old, const Module& replacement, const std::string& fqn) {
        const c10::ClassTypePtr from = old.type(), to = replacement.type();
        for (Function* hook : from->getForwardPreHooks())
            if (!to->findForwardPreHook(hook->name())) to->addForwardPreHook(copy(*hook, replacement, fqn));
        for (Function* hook : from->getForwardHooks())
            if (!to->findForwardHook(hook->name())) to->addForwardHook(copy(*hook, replacement, fqn));
    }

    /// In a traced model, each further call of a layer has a method of its own: forward1, forward2, …
    void carry_calls(const Module& old, const Module& replacement, const std::string& fqn) {
        const c10::ClassTypePtr to = replacement.type();
        const Function* forward = to->findMethod("forward");
        for (Function* method : old.type()->methods()) {
            const std::string& name = method->name();
            if (forward && is_forward(name) && !to->findMethod(name))
                to->addMethod(copy(*forward, replacement, fqn, name));
        }
    }

    /// `function` of a module's class for the class of `self`, under the same name if no other is given.
    Function* copy(const Function& function, const Module& self, const std::string& fqn, std::string name = {}) {
        if (name.empty()) name = function.name();
        std::shared_ptr<Graph> graph = torch::jit::toGraphFunction(function).graph()->copy();
        changed_.clear();
        set_type(graph->inputs().at(0), self.type());
        retype(graph->block(), fqn);
        Function* copied = self._ivalue()->compilation_unit()->create_function(
            c10::QualifiedName(*self.type()->name(), name), std::move(graph));
        const c10::FunctionSchema& schema = function.getSchema();
        std::vector<c10::Argument> arguments = schema.arguments();
        arguments.at(0) = arguments[0].cloneWithType(self.type());
        copied->setSchema(c10::FunctionSchema(std::move(name), schema.overload_name(), std::move(arguments),
                                              schema.returns(), schema.is_vararg(), schema.is_varret()));
        return copied;
    }

    void set_type(Value* value, const c10::TypePtr& type) {
        if (*value->type() == *type) return;
        value->setType(type);
        changed_.insert(value);
    }

    void retype(Block* block, const std::string& fqn) {
        for (Node* node : block->nodes()) {
            retype(node, fqn);
            for (Block* inner : node->blocks()) retype(inner, fqn);
        }
    }

    void retype(Node* node, const std::string& fqn) {
        bool affected = false;
        for (const Value* input : node->inputs()) affected = affected || changed_.contains(input);
        if (!affected) return;
        switch (node->kind()) {
            case c10::prim::GetAttr:
                return retype_member(node);
            case c10::prim::SetAttr:
                return;
            case c10::prim::CallMethod:
                return check_method(node);
            case c10::prim::CallFunction:
                return redirect_hook(node, fqn);
            default:
                break;
        }
        if (!node->hasAttribute(c10::attr::Subgraph))
            throw wrong(fqn, "the model hands its layers to " + std::string(node->kind().toQualString()),
                        "only models that call their layers can be converted");
        const std::shared_ptr<Graph> subgraph = node->g(c10::attr::Subgraph);
        for (size_t i = 0; i < node->inputs().size(); ++i)
            if (changed_.contains(node->input(i))) set_type(subgraph->inputs()[i], node->input(i)->type());
        retype(subgraph->block(), fqn);
    }

    const std::string* replaced_fqn(const Value* value) const {
        const auto found = replaced_types_.find(class_of(value).get());
        return found == replaced_types_.end() ? nullptr : &found->second;
    }

    void retype_member(Node* node) {
        const c10::ClassTypePtr type = class_of(node->input());
        const std::string& name = node->s(c10::attr::name);
        if (const auto slot = type->findAttributeSlot(name)) return set_type(node->output(), type->getAttribute(*slot));
        const std::string* fqn = replaced_fqn(node->input());
        throw wrong(fqn ? *fqn : name, "the model reads this layer's " + name + " itself and does not only call it",
                    "leave the layer out");
    }

    void check_method(Node* node) {
        const c10::ClassTypePtr type = class_of(node->input(0));
        const std::string* fqn = type ? replaced_fqn(node->input(0)) : nullptr;
        if (fqn && !type->findMethod(node->s(c10::attr::name)))
            throw wrong(*fqn, "the model calls this layer's method " + node->s(c10::attr::name), "leave the layer out");
    }

    /// A call of a hook names the hook as a constant; the copy of it belongs to the new class.
    void redirect_hook(Node* node, const std::string& fqn) {
        const auto called = node->input(0)->type()->cast<c10::FunctionType>();
        const c10::ClassTypePtr type = node->inputs().size() > 1 ? class_of(node->input(1)) : nullptr;
        Function* own = nullptr;
        if (called && type) {
            own = type->findForwardPreHook(called->function()->name());
            if (!own) own = type->findForwardHook(called->function()->name());
        }
        if (!own) throw wrong(fqn, "the model hands its layers to a function", "leave the layer out");
        torch::jit::WithInsertPoint before(node);
        Node* constant = node->owningGraph()->create(c10::prim::Constant);
        constant->s_(c10::attr::name, own->name());
        constant->output()->setType(c10::FunctionType::create(own));
        node->replaceInput(0, node->owningGraph()->insertNode(constant)->output());
    }

    /// A compilation unit of its own, so that the names of new classes do not tell what else was done with the model.
    std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
    std::unordered_map<const Object*, Module> built_;  ///< replacements, and what was made for a module
    std::unordered_map<const Object*, bool> touched_;
    std::unordered_map<const c10::ClassType*, std::string> replaced_types_;
    std::unordered_set<const Value*> changed_;  ///< of the graph at hand
};

}  // namespace

torch::jit::Module replaced(const torch::jit::Module& root, const Replacements& replacements) {
    return Rebuild(root, replacements).build(root, "");
}

std::string why_not_replaced(const torch::jit::Module& root, const std::string& fqn,
                             const torch::jit::Module& replacement) {
    try {
        replaced(root, {{fqn, replacement}});
    } catch (const Error& error) {
        return error.problem();
    }
    return {};
}

}  // namespace lacuna
