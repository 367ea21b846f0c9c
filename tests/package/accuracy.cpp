#include <cstdio>

#include "engine/torch/torch_runner.h"

int main(int, char** arguments) {
    auto runner = lacuna::make_torch_runner(lacuna::open_checkpoint(arguments[1]), "cpu");
    lacuna::Progress progress;
    auto dense = runner->evaluate(*lacuna::Dataset::open(arguments[2]), {}, progress);
    std::printf("%lld samples, accuracy %.3f\n", (long long)dense.samples, dense.accuracy);
}
