// Goes on with a data sparsifier's state that PyTorch saved: state_tool IN.pt OUT.pt NORM LEVEL takes one step of
// data_norm at that level with each item that is not squashed.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "engine/base/error.h"
#include "engine/session/data_pruning.h"

int main(int argc, char** argv) {
    using namespace lacuna;
    if (argc != 5) return 2;
    try {
        Options norm;
        norm.set("norm", std::string(argv[3]));
        DataPruning pruning(sparsifier("data_norm"), norm);
        pruning.load_state(read_torch_state(argv[1], pruning.rule(), norm));
        std::map<std::string, double, std::less<>> levels;
        for (size_t i = 0; i < pruning.size(); ++i) levels[pruning.name(i)] = std::atof(argv[4]);
        pruning.set_option("sparsity_level", levels);
        pruning.step();
        Progress progress;
        write_torch_state(pruning.state(), argv[2], progress);
    } catch (const Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
    return 0;
}
