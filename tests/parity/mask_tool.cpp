// Computes the masks of a file of cases (cases.h), so that fuzz.py can compare them with torch.ao.pruning's.
// usage: mask_tool CASES.safetensors OUT; OUT gets each mask's 64-bit words, one case after the other.

#include <cstdio>
#include <fstream>

#include "tests/parity/cases.h"

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: mask_tool CASES.safetensors OUT\n"), 2;
    try {
        const auto cases = lacuna::open_checkpoint(argv[1]);
        std::ofstream out(argv[2], std::ios::binary);
        for (size_t i = 0; i < cases->tensors().size(); ++i) {
            const auto& name = cases->tensors()[i].name;
            const lacuna::parity::Case one = lacuna::parity::parse_case(cases->metadata().at(name));
            const lacuna::Mask mask = lacuna::parity::run_case(one, cases->view(i));
            out.write(reinterpret_cast<const char*>(mask.words().data()), std::streamsize(mask.words().size_bytes()));
        }
        return out.flush() ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
