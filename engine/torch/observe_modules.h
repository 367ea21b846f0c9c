#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace c10 {
struct IValue;
}
namespace torch::jit {
struct Module;
}

namespace lacuna {

/// A running TorchScript model with hooks at its modules, which C++ knows no other way to have: a clone whose graphs
/// call back wherever a forward begins and ends. The model it was made from stays as it is; the two share their
/// tensors.
///
///     HookedModule hooked(model);
///     hooked.before("encoder.fc1", [](c10::IValue& x) { ... look at x, or put another value in its place ... });
///     hooked.forward({batch});
///
/// A hook belongs to the module object, as in Python: one that is there under two names, or called twice, is seen each
/// time. Scripted and traced modules alike (a trace calls a module's second use `forward1`, which counts); what was
/// frozen or inlined into its caller has no module left to hook. Calls survive the graph executor's optimisations.
class HookedModule {
  public:
    /// What is handed over may be looked at and replaced by a value of the same type.
    using Hook = std::function<void(c10::IValue& value)>;
    using Keywords = std::unordered_map<std::string, c10::IValue>;

    /// Throws Error(argument) for a model without a forward, or that LibTorch cannot clone.
    explicit HookedModule(const torch::jit::Module& model);
    ~HookedModule();
    HookedModule(HookedModule&&) noexcept;
    HookedModule& operator=(HookedModule&&) noexcept;

    /// Calls `hook` with the module's first argument before each forward, in place of an earlier one; an empty hook
    /// takes it away. "" is the model itself. Not while the model runs. Throws Error(argument) if there is no module of
    /// that name, or its forward takes nothing.
    void before(std::string_view module_fqn, Hook hook);
    /// The same with what the module's forward returns.
    void after(std::string_view module_fqn, Hook hook);

    /// Whether the module's forward takes something that `before` could see. Throws Error(argument) as `before` does.
    bool takes_input(std::string_view module_fqn) const;

    /// Runs the clone; several threads may. An exception thrown by a hook comes out as it is, LibTorch's own as theirs.
    c10::IValue forward(std::vector<c10::IValue> inputs) const;
    c10::IValue forward(std::vector<c10::IValue> inputs, const Keywords& keywords) const;
    /// The clone, e.g. to train it; once this object has gone its hooks are silent.
    torch::jit::Module& module();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna
