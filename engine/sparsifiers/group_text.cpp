#include "engine/sparsifiers/group_text.h"

namespace lacuna {

std::string group_in_words(const std::string& fqn, const Sparsifier& sparsifier, const Options& options,
                           const FakeSparsity& fake_sparsity) {
    const Mask& mask = *fake_sparsity.mask;
    std::string text = "  " + fqn + " " + to_string(mask.shape()) + ": " + std::string(sparsifier.name()) + ", " +
                       std::to_string(mask.pruned()) + " of " + std::to_string(mask.size()) + " pruned" +
                       (fake_sparsity.enabled ? "" : ", frozen") + "\n";
    for (const auto& [name, value] : options.values()) text += "    " + name + ": " + to_string(value) + "\n";
    return text;
}

}  // namespace lacuna
