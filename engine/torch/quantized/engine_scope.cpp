#include "engine/torch/quantized/engine_scope.h"

#include <ATen/Context.h>

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

EngineScope::EngineScope(c10::QEngine engine) : alone_(engine_mutex()), before_(at::globalContext().qEngine()) {
    demand(engine);
    at::globalContext().setQEngine(engine);
}

EngineScope::~EngineScope() {
    at::globalContext().setQEngine(before_);
}

}  // namespace lacuna
