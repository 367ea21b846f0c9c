#include "engine/torch/observe_modules.h"

#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/script.h>

#include <exception>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/module_fqn.h"

namespace lacuna {
namespace {

/// The hooks of one module of a model, shared by all its clones if it is there under several names.
struct Hooks {
    HookedModule::Hook before, after;
    bool takes_something = false;
};
using HooksPtr = std::shared_ptr<Hooks>;

/// From the clones' objects, which the graphs hand over, to their hooks.
struct Registry {
    std::shared_mutex mutex;
    std::unordered_map<const void*, HooksPtr> hooks;

    static Registry& get() {
        static Registry registry;
        return registry;
    }

    HooksPtr find(const void* object) {
        const std::shared_lock lock(mutex);
        const auto found = hooks.find(object);
        return found == hooks.end() ? nullptr : found->second;
    }
};

/// What a hook threw on this thread: the interpreter turns exceptions into text, `forward` brings the original back.
thread_local std::exception_ptr thrown_by_hook;

void call(const HookedModule::Hook& hook, c10::IValue& value) {
    if (!hook) return;
    try {
        hook(value);
    } catch (...) {
        thrown_by_hook = std::current_exception();
        throw;
    }
}

/// The operators that the graphs call: (module, value) → value.
template <HookedModule::Hook Hooks::*hook>
void run_hook(torch::jit::Stack& stack) {
    c10::IValue value = torch::jit::pop(stack);
    const c10::IValue module = torch::jit::pop(stack);
    if (const HooksPtr hooks = Registry::get().find(module.toObject().get())) call((*hooks).*hook, value);
    torch::jit::push(stack, std::move(value));
}

// Conservative: the executor must take for granted that the call has effects, and neither drop nor move it.
const torch::jit::RegisterOperators operators({
    torch::jit::Operator("lacuna::before(Any module, t value) -> t", run_hook<&Hooks::before>,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator("lacuna::after(Any module, t value) -> t", run_hook<&Hooks::after>,
                         c10::AliasAnalysisKind::CONSERVATIVE),
});

torch::jit::Node* hook_node(torch::jit::Graph& graph, const char* name, torch::jit::Value* value) {
    torch::jit::Node* node = graph.create(c10::Symbol::fromQualString(name), {graph.inputs()[0], value});
    node->output()->setType(value->type());
    return node;
}

void insert_hooks(torch::jit::Graph& graph) {
    torch::jit::Value* result = graph.outputs().at(0);
    torch::jit::Node* after = hook_node(graph, "lacuna::after", result);
    after->insertBefore(graph.return_node());
    graph.return_node()->replaceInput(0, after->output());
    if (graph.inputs().size() < 2) return;
    torch::jit::Value* first = graph.inputs()[1];
    torch::jit::Node* before = hook_node(graph, "lacuna::before", first);
    graph.prependNode(before);
    first->replaceAllUsesAfterNodeWith(before, before->output());
}

torch::jit::Module cloned(const torch::jit::Module& model) {
    if (!model.find_method("forward"))
        throw Error(ErrorKind::argument, "hooks", "the model has no forward that could run");
    try {
        return model.clone(/*inplace=*/true);
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, "hooks", "LibTorch cannot clone this model: " + brief(error));
    }
}

}  // namespace

struct HookedModule::Impl {
    explicit Impl(const torch::jit::Module& from) : model(from), clone(cloned(from)) {
        std::unordered_set<const void*> types;
        std::vector<torch::jit::Module> originals;
        for (const torch::jit::Module& module : model.modules()) originals.push_back(module);
        size_t next = 0;
        Registry& registry = Registry::get();
        for (const torch::jit::Module& module : clone.modules()) {
            const void* original = originals.at(next++)._ivalue().get();
            HooksPtr& entry = hooks[original];
            if (!entry) entry = std::make_shared<Hooks>();
            if (const auto forward = module.find_method("forward")) entry->takes_something = forward->num_inputs() > 1;
            if (types.insert(module.type().get()).second) instrument(module);
            objects.push_back(module._ivalue().get());
            const std::unique_lock lock(registry.mutex);
            registry.hooks[objects.back()] = entry;
        }
    }

    ~Impl() {
        Registry& registry = Registry::get();
        const std::unique_lock lock(registry.mutex);
        for (const void* object : objects) registry.hooks.erase(object);
    }

    static void instrument(const torch::jit::Module& module) {
        for (const torch::jit::Method& method : module.get_methods())
            if (is_forward(method.name())) insert_hooks(*method.graph());
    }

    Hooks& find(std::string_view fqn) {
        const auto module = fqn_to_module(model, fqn);
        if (!module)
            throw Error(ErrorKind::argument, std::string(fqn), "the model has no module of that name",
                        "names are those of named_modules(); a frozen model has none left");
        return *hooks.at(module->_ivalue().get());
    }

    torch::jit::Module model, clone;
    std::unordered_map<const void*, HooksPtr> hooks;  ///< by the original's object
    std::vector<const void*> objects;                 ///< of the clone, as registered
};

HookedModule::HookedModule(const torch::jit::Module& model) : impl_(std::make_unique<Impl>(model)) {}
HookedModule::~HookedModule() = default;
HookedModule::HookedModule(HookedModule&&) noexcept = default;
HookedModule& HookedModule::operator=(HookedModule&&) noexcept = default;

void HookedModule::before(std::string_view module_fqn, Hook hook) {
    if (!takes_input(module_fqn))
        throw Error(ErrorKind::argument, std::string(module_fqn), "its forward takes no input that could be seen");
    impl_->find(module_fqn).before = std::move(hook);
}

bool HookedModule::takes_input(std::string_view module_fqn) const {
    return impl_->find(module_fqn).takes_something;
}

void HookedModule::after(std::string_view module_fqn, Hook hook) {
    impl_->find(module_fqn).after = std::move(hook);
}

c10::IValue HookedModule::forward(std::vector<c10::IValue> inputs) const {
    return forward(std::move(inputs), {});
}

c10::IValue HookedModule::forward(std::vector<c10::IValue> inputs, const Keywords& keywords) const {
    thrown_by_hook = nullptr;
    try {
        return impl_->clone.get_method("forward")(std::move(inputs), keywords);
    } catch (const std::exception&) {
        if (const std::exception_ptr thrown = std::exchange(thrown_by_hook, nullptr)) std::rethrow_exception(thrown);
        throw;
    }
}

torch::jit::Module& HookedModule::module() {
    return impl_->clone;
}

}  // namespace lacuna
