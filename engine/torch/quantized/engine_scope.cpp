#include "engine/torch/quantized/engine_scope.h"

#include <ATen/Context.h>
#include <torch/script.h>

#include <algorithm>
#include <string>

#include "engine/base/error.h"

namespace lacuna {
namespace {

std::recursive_mutex& engine_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

void demand(c10::QEngine engine) {
    const std::vector<c10::QEngine> here = quantized_engines();
    if (std::find(here.begin(), here.end(), engine) == here.end())
        throw Error(ErrorKind::missing, std::string(engine_name(engine)),
                    "this LibTorch has no such engine for quantised operators on this machine");
}

/// QNNPACK starts when something is packed for it, but not when a packed sparse weight is loaded, whose operators then
/// fail.
void start_qnnpack() {
    [[maybe_unused]] static const c10::IValue packed = [] {
        torch::jit::Stack stack{at::quantize_per_tensor(at::zeros({1, 1}), 1, 0, at::kQInt8), c10::IValue()};
        c10::Dispatcher::singleton().findSchemaOrThrow("quantized::linear_prepack", "").callBoxed(&stack);
        return stack.at(0);
    }();
}

}  // namespace

std::vector<c10::QEngine> quantized_engines() {
    std::vector<c10::QEngine> here = at::globalContext().supportedQEngines();
    std::erase(here, c10::QEngine::NoQEngine);
    return here;
}

std::string_view engine_name(c10::QEngine engine) {
    switch (engine) {
        case c10::QEngine::FBGEMM:
            return "fbgemm";
        case c10::QEngine::QNNPACK:
            return "qnnpack";
        case c10::QEngine::ONEDNN:
            return "onednn";
        case c10::QEngine::X86:
            return "x86";
        case c10::QEngine::NoQEngine:
            break;
    }
    return "none";
}

c10::QEngine find_engine(std::string_view name) {
    for (const auto engine : {c10::QEngine::FBGEMM, c10::QEngine::QNNPACK, c10::QEngine::ONEDNN, c10::QEngine::X86})
        if (engine_name(engine) == name) return demand(engine), engine;
    throw Error(ErrorKind::argument, std::string(name), "there is no such engine for quantised operators",
                "the engines are fbgemm, qnnpack, onednn and x86");
}

EngineScope::EngineScope(std::optional<c10::QEngine> engine) : before_(at::globalContext().qEngine()) {
    if (!engine) return;
    demand(*engine);
    alone_ = std::unique_lock(engine_mutex());
    before_ = at::globalContext().qEngine();
    at::globalContext().setQEngine(*engine);
    try {
        if (*engine == c10::QEngine::QNNPACK) start_qnnpack();
    } catch (...) {
        at::globalContext().setQEngine(before_);
        throw;
    }
}

EngineScope::~EngineScope() {
    if (alone_.owns_lock()) at::globalContext().setQEngine(before_);
}

}  // namespace lacuna
