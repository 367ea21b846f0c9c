#pragma once

#include <c10/core/QEngine.h>

#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace lacuna {

/// The engines for quantised operators that this LibTorch can run on this machine.
std::vector<c10::QEngine> quantized_engines();
/// "fbgemm", "qnnpack", "onednn", "x86" or "none", as torch.backends.quantized.engine spells them.
std::string_view engine_name(c10::QEngine engine);
/// The reverse. Throws Error(argument) for another name, and Error(missing) for an engine that is not here.
c10::QEngine find_engine(std::string_view name);

/// Which engine has the sparse linear operators: measured on LibTorch 2.11, FBGEMM computes only with static ranges,
/// QNNPACK only with dynamic ones, x86 and oneDNN not at all.
inline constexpr c10::QEngine sparse_static_engine = c10::QEngine::FBGEMM;
inline constexpr c10::QEngine sparse_dynamic_engine = c10::QEngine::QNNPACK;

/// LibTorch packs, loads and (where ranges are dynamic) runs quantised weights for the one engine that the process has
/// chosen. This chooses `engine` while it lives and puts the former one back. Scopes on one thread nest; those of
/// different threads wait for each other, so a thread that holds one must not wait for another that opens one.
/// Quantised operators that other threads run outside any scope meanwhile see this engine too.
class EngineScope {
  public:
    /// Nothing chooses nothing and waits for nobody. Throws Error(missing) for an engine that is not here.
    explicit EngineScope(std::optional<c10::QEngine> engine);
    ~EngineScope();
    EngineScope(const EngineScope&) = delete;
    EngineScope& operator=(const EngineScope&) = delete;

  private:
    std::unique_lock<std::recursive_mutex> alone_;
    c10::QEngine before_;
};

}  // namespace lacuna
