#include "engine/formats/proof.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/file_checkpoint.h"

namespace lacuna {
namespace {

constexpr uint64_t small_bytes = uint64_t(1) << 20;   // up to so many bytes tensors are looked at side by side
constexpr uint64_t batch_bytes = uint64_t(32) << 20;  // between two reports of what is done
constexpr int64_t small_tensors_a_chunk = 8;

}  // namespace

void Proof::refuse(const std::string& what) const {
    throw Error(ErrorKind::file, shown_.string(), "what was written is not what was meant: " + what,
                "nothing was kept; check the disk and try again");
}

void Proof::whole(const Checkpoint& written) {
    const size_t count = meant_.checkpoint().tensors().size();
    if (written.tensors().size() != count) refuse("the number of tensors differs");
    std::vector<Pair> pairs;
    for (size_t i = 0; i < count; ++i) pairs.push_back({i, i});
    compare(written, pairs);
}

void Proof::part(const Checkpoint& written, std::span<const size_t> tensors) {
    std::vector<Pair> pairs;
    for (const size_t i : tensors) {
        const std::string& name = meant_.checkpoint().tensors()[i].name;
        const auto found = written.find(name);
        if (!found) refuse(name + " is missing");
        pairs.push_back({i, *found});
    }
    Proof part(meant_, shown_, progress_);
    part.result_ = result_;
    part.compare(written, pairs);
    result_ = std::move(part.result_);
}

void Proof::compare(const Checkpoint& written, const std::vector<Pair>& pairs) {
    for (size_t first = 0, last = 0; first < pairs.size(); first = last) {
        uint64_t bytes = 0;
        while (last < pairs.size()) {
            const uint64_t here = written.tensors()[pairs[last].found].bytes();
            if (last > first && (here > small_bytes || bytes + here > batch_bytes)) break;
            bytes += here;
            demand_kind(written, pairs[last++]);
            if (here > small_bytes) break;
        }
        compare_bytes(written, std::span(pairs).subspan(first, last - first));
    }
}

void Proof::demand_kind(const Checkpoint& written, Pair pair) const {
    const TensorInfo& source = meant_.checkpoint().tensors()[pair.index];
    const TensorInfo& now = written.tensors()[pair.found];
    if (now.name != source.name || now.dtype != source.dtype || now.shape != source.shape)
        refuse(source.name + " became " + now.name + ' ' + to_string(now.shape));
}

void Proof::compare_bytes(const Checkpoint& written, std::span<const Pair> pairs) {
    std::vector<TensorFacts> facts(pairs.size());
    const auto look_at = [&](size_t i, const std::function<void(uint64_t)>& done) {
        std::vector<std::byte> scratch;
        const TensorView view = written.view(pairs[i].found);
        facts[i] = facts_of(view.dtype, contiguous_bytes(view, scratch), done);
    };
    if (pairs.size() == 1) {
        look_at(0, [this](uint64_t bytes) { progress_.advance(bytes); });
    } else {
        parallel_for(int64_t(pairs.size()), small_tensors_a_chunk, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) look_at(size_t(i), {});
        });
        for (const Pair pair : pairs) progress_.advance(written.tensors()[pair.found].bytes());
    }
    std::vector<std::span<const std::byte>> read;
    for (size_t i = 0; i < pairs.size(); ++i) {
        take(pairs[i].index, facts[i]);
        const StorageInfo& storage = written.storages()[written.tensors()[pairs[i].found].storage];
        read.emplace_back(storage.data, storage.bytes);
    }
    release_neighbours(written, read);
}

void Proof::take(size_t index, const TensorFacts& facts) {
    const TensorInfo& source = meant_.checkpoint().tensors()[index];
    if (facts != meant_.facts(index)) refuse(source.name + " has other values");
    if (meant_.has_mask(index)) {
        result_.zeros += meant_.pruned(index);
        result_.pruned.push_back({index, facts.zeros});
        ++result_.tensors_pruned;
    } else if (!meant_.touches(source.storage)) {
        ++result_.tensors_untouched;
    }
}

}  // namespace lacuna
