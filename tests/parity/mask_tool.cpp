// Computes the masks of a file of cases (cases.h), so that fuzz.py can compare them with the peer's.
// usage: mask_tool CASES.safetensors OUT lowest|aten THREADS; OUT gets, case after case and step after step, a word
// that is 1 where the rule refused, and each mask's 64-bit words where it did not.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

int main(int argc, char** argv) {
    if (argc != 5) return std::fprintf(stderr, "usage: mask_tool CASES.safetensors OUT lowest|aten THREADS\n"), 2;
    try {
        const auto file = lacuna::open_checkpoint(argv[1]);
        const auto ties = std::string_view(argv[3]) == "aten" ? lacuna::Ties::aten : lacuna::Ties::lowest;
        lacuna::set_threads(std::atoi(argv[4]));
        std::ofstream out(argv[2], std::ios::binary);
        for (const auto& [name, text] : file->metadata())
            for (const auto& masks : lacuna::parity::Case(file, name).run(ties)) {
                const uint64_t refused = masks.empty();
                out.write(reinterpret_cast<const char*>(&refused), sizeof refused);
                for (const lacuna::Mask& mask : masks)
                    out.write(reinterpret_cast<const char*>(mask.words().data()),
                              std::streamsize(mask.words().size_bytes()));
            }
        return out.flush() ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
