#include "engine/session/checkpoint_identity.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <memory>

namespace lacuna {
namespace {

constexpr size_t samples = 256;
constexpr uint64_t sample_bytes = 4096;

class Hash {
  public:
    Hash() { XXH3_128bits_reset(state_.get()); }
    void add(const void* bytes, size_t size) { XXH3_128bits_update(state_.get(), bytes, size); }
    void add(uint64_t number) { add(&number, sizeof number); }
    void add(std::string_view text) {
        add(text.size());
        add(text.data(), text.size());
    }
    std::string text() const {
        const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
        char digits[33];
        std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                      static_cast<unsigned long long>(hash.low64));
        return digits;
    }

  private:
    std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_{XXH3_createState(), XXH3_freeState};
};

void add_samples(Hash& hash, const StorageInfo& storage, size_t count) {
    if (!storage.data) return;
    const uint64_t size = std::min(sample_bytes, storage.bytes), room = storage.bytes - size;
    for (size_t i = 0; i < count; ++i) hash.add(storage.data + room / count * i + room / count / 2, size);
}

}  // namespace

CheckpointIdentity identity_of(const Checkpoint& checkpoint) {
    Hash tensors, weights;
    for (const TensorInfo& info : checkpoint.tensors()) {
        tensors.add(info.name);
        tensors.add(dtype_name(info.dtype));
        tensors.add(info.shape.size());
        for (const int64_t side : info.shape) tensors.add(uint64_t(side));
    }
    const std::vector<StorageInfo>& storages = checkpoint.storages();
    const size_t step = std::max<size_t>(1, storages.size() / samples);
    const size_t each = std::max<size_t>(1, samples / std::max<size_t>(1, storages.size()));
    for (size_t i = 0; i < storages.size(); i += step) {
        weights.add(storages[i].bytes);
        add_samples(weights, storages[i], each);
    }
    return {tensors.text(), weights.text()};
}

}  // namespace lacuna
