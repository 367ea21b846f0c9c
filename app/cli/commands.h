#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/cli/arguments.h"
#include "app/cli/console.h"

namespace lacuna::cli {

// One function a command. They throw Error, Cancelled or UsageError; nothing is written then.
void run_inspect(const InspectArguments& arguments, const Console& console, CancelToken cancel);
void run_prune(const PruneArguments& arguments, const Console& console, CancelToken cancel);
void run_calibrate(const CalibrateArguments& arguments, const Console& console, CancelToken cancel);
void run_eval(const EvalArguments& arguments, const Console& console, CancelToken cancel);
void run_convert(const ConvertArguments& arguments, const Console& console, CancelToken cancel);
void run_list(const ListArguments& arguments, const Console& console);

/// Writes `text` to a file, whole or not at all, or to standard output for "-". `inputs` are never replaced.
void write_to(const std::string& sink, const std::string& text, const std::vector<std::filesystem::path>& inputs,
              const Console& console);

/// Output files by the options that name them. Throws UsageError if two of them are the same file.
using NamedOutputs = std::vector<std::pair<std::string, std::filesystem::path>>;
void check_distinct(const NamedOutputs& outputs);

}  // namespace lacuna::cli
