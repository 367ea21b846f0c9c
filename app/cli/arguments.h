#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "engine/mask/mask.h"
#include "engine/mask/patterns.h"
#include "engine/model/checkpoint.h"

namespace lacuna::cli {

/// A file to write text to; "-" is standard output.
using Sink = std::optional<std::string>;

struct InspectArguments {
    std::filesystem::path model;
    bool sparsity = false, patterns = false;
    BlockShape tile = default_tile;
    Sink json;
};
struct PruneArguments {
    std::filesystem::path model, recipe, out;
    std::optional<Format> format;
    std::optional<std::filesystem::path> masks, state, save_state;
    Sink report;
    std::optional<std::filesystem::path> data, activations;  ///< at most one
    std::string device = "cpu";
    bool squash_names = false;
};
struct CalibrateArguments {
    std::filesystem::path model, data, out;
    std::optional<std::filesystem::path> recipe;
    std::string device = "cpu";
};
struct EvalArguments {
    std::filesystem::path model, data;
    Sink json;
    std::string device = "cpu";
};
struct ConvertArguments {
    std::filesystem::path model, out;
    std::string conversion;
    std::optional<std::filesystem::path> recipe, masks, data;  ///< at most one of recipe and masks
    std::vector<std::string> options;                          ///< "name=value"
    Shape input_shape;
    Sink report;
};
/// What the program knows of itself.
struct ListArguments {
    enum class What { recipe, sparsifiers, schedulers, conversions };
    What what = What::recipe;
    Sink json;
};

/// Text that was asked for instead of a command: --help, --version.
struct PrintArguments {
    std::string text;
};

struct Arguments {
    std::variant<PrintArguments, InspectArguments, PruneArguments, CalibrateArguments, EvalArguments, ConvertArguments,
                 ListArguments>
        command;
    int threads = 0;  ///< 0: as many as the machine has
};

/// The program was called wrongly; exit status 2.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Throws UsageError.
Arguments parse_arguments(int argc, char** argv);

}  // namespace lacuna::cli
