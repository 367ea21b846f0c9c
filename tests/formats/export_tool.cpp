// A program for peer_check.py: prunes every third weight of what `layers: "*"` takes and exports.
//     formats_tool MODEL OUT FORMAT|own MASKS
#include <cstdio>
#include <string>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/model/model.h"

int main(int argc, char** argv) {
    if (argc != 5) return std::fprintf(stderr, "usage: formats_tool MODEL OUT FORMAT|own MASKS\n"), 2;
    try {
        const lacuna::CheckpointPtr source = lacuna::open_checkpoint(argv[1]);
        lacuna::MaskSet masks;
        for (const lacuna::TensorInfo& tensor : source->tensors()) {
            if (!lacuna::prunable_by_default(tensor)) continue;
            lacuna::Mask mask = lacuna::Mask::ones(tensor.shape);
            for (int64_t i = 0; i < mask.size(); i += 3) mask.set(i, false);
            masks[tensor.name] = std::make_shared<const lacuna::Mask>(std::move(mask));
        }
        const std::string name = argv[3];
        const auto format = name == "own" ? lacuna::writable_format(*source) : lacuna::format_from_name(name).value();
        lacuna::Progress progress;
        const auto proof = lacuna::export_checkpoint(*source, masks, argv[2], format, progress);
        lacuna::write_masks(masks, argv[4], progress);
        std::printf("%zu pruned, %zu untouched, %lld zeros\n", proof.tensors_pruned, proof.tensors_untouched,
                    static_cast<long long>(proof.zeros));
        return 0;
    } catch (const lacuna::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
