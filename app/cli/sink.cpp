#include "app/cli/commands.h"
#include "engine/base/output_file.h"
#include "engine/base/output_set.h"

namespace lacuna::cli {

void write_to(const std::string& sink, const std::string& text, const std::vector<std::filesystem::path>& inputs,
              const Console& console) {
    if (sink == "-") return console.print(text);
    OutputSet outputs;
    for (const auto& input : inputs) outputs.protect(input);
    write_file(outputs.stage(sink), text);
    outputs.commit();
}

}  // namespace lacuna::cli
