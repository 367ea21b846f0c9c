#pragma once

#include <map>

#include "tests/cli/program.h"
#include "tests/support/safetensors_file.h"

namespace lacuna::testing_support {

/// A folder with a small model and a recipe that halves it.
class Workplace {
  public:
    Workplace() {
        write_safetensors(folder / "model.safetensors",
                          {random_weights("fc2.weight", {10, 64}, 1), random_weights("fc1.weight", {64, 32}, 2),
                           random_weights("fc1.bias", {64}, 3), random_weights("conv.weight", {8, 4, 3, 3}, 4),
                           tensor_of<int64_t>("steps", DType::I64, {2, 2}, {0, 2, 3, 4})},
                          {{"format", "pt"}, {"note", "\u00e9"}});
        folder.write("half.yaml",
                     "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n    sparsity_level: 0.5\n");
    }

    std::string at(const std::string& name) const { return (folder / name).string(); }
    std::vector<std::string> prune_arguments(std::vector<std::string> more = {}) const {
        std::vector<std::string> all{"prune", at("model.safetensors"), "--recipe", at("half.yaml"), "--out", at("out")};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    /// Every file below the folder with its content.
    std::map<std::string, std::string> files() const {
        std::map<std::string, std::string> all;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
            all[entry.path().string()] = entry.is_regular_file() ? ScratchFolder::read(entry.path()) : "folder";
        return all;
    }

    ScratchFolder folder;
};

}  // namespace lacuna::testing_support
