#include "app/cli/commands.h"
#include "engine/base/output_file.h"
#include "engine/base/output_set.h"

namespace lacuna::cli {
namespace fs = std::filesystem;

void write_to(const std::string& sink, const std::string& text, const std::vector<std::filesystem::path>& inputs,
              const Console& console) {
    if (sink == "-") return console.print(text);
    OutputSet outputs;
    for (const auto& input : inputs) outputs.protect(input);
    try {
        write_file(outputs.stage(sink), text);
        outputs.commit();
    } catch (const Error& error) {
        throw outputs.restated(error);
    }
}

void check_distinct(const NamedOutputs& outputs) {
    std::error_code ignored;
    for (size_t i = 0; i < outputs.size(); ++i)
        for (size_t j = i + 1; j < outputs.size(); ++j) {
            const fs::path &a = outputs[i].second, &b = outputs[j].second;
            if (fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored) || fs::equivalent(a, b, ignored))
                throw UsageError(outputs[i].first + " and " + outputs[j].first + " name the same file, " + a.string() +
                                 "; give each a name of its own");
        }
}

}  // namespace lacuna::cli
