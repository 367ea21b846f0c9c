#include "engine/formats/proof.h"

#define XXH_STATIC_LINKING_ONLY  // the hash state on the stack
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/file_checkpoint.h"

namespace lacuna {
namespace {

XXH128_hash_t hash(std::span<const std::byte> bytes, Progress& progress) {
    constexpr size_t piece = size_t(8) << 20;
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    while (!bytes.empty()) {
        const auto now = bytes.first(std::min(bytes.size(), piece));
        XXH3_128bits_update(&state, now.data(), now.size());
        bytes = bytes.subspan(now.size());
        progress.advance(now.size());
    }
    return XXH3_128bits_digest(&state);
}

/// How many of the weights that `mask` prunes are all zero bits in `bytes`.
int64_t count_zeros(const Mask& mask, std::span<const std::byte> bytes) {
    if (mask.size() == 0) return 0;
    const auto size = int64_t(bytes.size()) / mask.size();
    std::atomic<int64_t> zeros{0};
    parallel_for(mask.size(), int64_t(1) << 20, [&](int64_t begin, int64_t end) {
        int64_t found = 0;
        for (int64_t i = begin; i < end; ++i) {
            if (mask[i]) continue;
            std::byte bits{};
            for (int64_t k = 0; k < size; ++k) bits |= bytes[size_t(i * size + k)];
            found += bits == std::byte(0);
        }
        zeros += found;
    });
    return zeros;
}

}  // namespace

ExportProof prove(PrunedStorages& meant, const Checkpoint& written, const std::filesystem::path& shown,
                  Progress& progress) {
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorKind::file, shown.string(), "what was written is not what was meant: " + what,
                    "nothing was kept; check the disk and try again");
    };
    const auto& tensors = meant.checkpoint().tensors();
    if (written.tensors().size() != tensors.size()) refuse("the number of tensors differs");
    uint64_t total = 0;
    for (const TensorInfo& tensor : tensors) total += 2 * tensor.bytes();
    progress.begin("Proving", total, "B");

    // By storage, so that each pruned storage is computed once.
    std::vector<size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return tensors[a].storage < tensors[b].storage; });
    ExportProof proof;
    std::vector<std::byte> meant_scratch, written_scratch;
    for (const size_t i : order) {
        const TensorInfo& now = written.tensors()[i];
        const TensorInfo& source = tensors[i];
        if (now.name != source.name || now.dtype != source.dtype || now.shape != source.shape)
            refuse(source.name + " became " + now.name + ' ' + to_string(now.shape));
        const auto meant_hash = hash(meant.contiguous(i, meant_scratch), progress);
        release_storage(meant.checkpoint(), source.storage);
        const auto bytes = contiguous_bytes(written.view(i), written_scratch);
        if (!XXH128_isEqual(meant_hash, hash(bytes, progress))) refuse(source.name + " has other values");
        if (const Mask* mask = meant.mask(i)) {
            const int64_t zeros = count_zeros(*mask, bytes);
            if (zeros != mask->pruned()) refuse(source.name + " lacks zeros that its mask asks for");
            proof.zeros += zeros;
            ++proof.tensors_pruned;
        } else if (!meant.touches(source.storage)) {
            ++proof.tensors_untouched;
        }
        release_storage(written, now.storage);
    }
    return proof;
}

}  // namespace lacuna
