#include "engine/formats/shard_journal.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;
constexpr int version = 1;

Json to_json(const TensorFacts& facts) {
    return {facts.hash[0], facts.hash[1], facts.zeros};
}

TensorFacts facts_from(const Json& json) {
    return {{json.at(0).get<uint64_t>(), json.at(1).get<uint64_t>()}, json.at(2).get<int64_t>()};
}

Json to_json(const JournalTensor& tensor) {
    Json json{{"name", tensor.name}, {"facts", to_json(tensor.facts)}};
    if (!tensor.pruned) return json;
    json["pruned"] = tensor.pruned_weights;
    json["mask"] = to_json(tensor.mask);
    return json;
}

JournalTensor tensor_from(const Json& json) {
    JournalTensor tensor{json.at("name"), facts_from(json.at("facts")), json.contains("pruned"), 0, {}};
    if (!tensor.pruned) return tensor;
    tensor.pruned_weights = json.at("pruned");
    tensor.mask = facts_from(json.at("mask"));
    return tensor;
}

Json to_json(const ShardJournal::Run& run) {
    return {{"version", version},
            {"target", run.target.string()},
            {"masks", run.masks.string()},
            {"masks_staged", run.masks_staged.string()},
            {"inputs", run.inputs}};
}

ShardJournal::Run run_from(const Json& json) {
    if (json.at("version") != version) throw std::runtime_error("another version");
    return {json.at("target").get<std::string>(), json.at("masks").get<std::string>(),
            json.at("masks_staged").get<std::string>(), json.at("inputs")};
}

}  // namespace

std::optional<ShardJournal> ShardJournal::read(const fs::path& folder) {
    std::ifstream in(folder / file_name, std::ios::binary);
    std::string line;
    if (!std::getline(in, line)) return std::nullopt;
    try {
        ShardJournal journal(folder / file_name, run_from(Json::parse(line)));
        journal.bytes_ = line.size() + 1;
        while (std::getline(in, line) && !in.eof()) {  // a whole line ends in a line feed
            const Json json = Json::parse(line);
            journal.bytes_ += line.size() + 1;
            JournalShard& shard = journal.shards_[json.at("shard")];
            shard.bytes = json.at("bytes");
            for (const Json& tensor : json.at("tensors")) shard.tensors.push_back(tensor_from(tensor));
        }
        return journal;
    } catch (const std::exception&) {  // not ours, or damaged: there is nothing to go on from
        return std::nullopt;
    }
}

ShardJournal ShardJournal::begin(const fs::path& folder, Run run) {
    ShardJournal journal(folder / file_name, std::move(run));
    journal.append(to_json(journal.run_).dump(-1, ' ', false, Json::error_handler_t::replace));
    return journal;
}

std::string ShardJournal::differences(const Run& run) const {
    std::string words;
    const auto add = [&](const std::string& word) { words += (words.empty() ? "" : ", ") + word; };
    for (const auto& [word, value] : run.inputs)
        if (const auto before = run_.inputs.find(word); before == run_.inputs.end() || before->second != value)
            add(word);
    for (const auto& [word, value] : run_.inputs)
        if (!run.inputs.contains(word)) add(word);
    if (run_.masks != run.masks) add("masks");
    return words;
}

void ShardJournal::finish(const std::string& shard, JournalShard done) {
    Json tensors = Json::array();
    for (const JournalTensor& tensor : done.tensors) tensors.push_back(to_json(tensor));
    append(Json{{"shard", shard}, {"bytes", done.bytes}, {"tensors", std::move(tensors)}}.dump(
        -1, ' ', false, Json::error_handler_t::replace));
    shards_[shard] = std::move(done);
}

void ShardJournal::append(const std::string& line) {
    const auto fail = [this] {
        throw Error(ErrorKind::file, file_.string(), std::string("cannot be written (") + std::strerror(errno) + ")",
                    "check the room on its disk");
    };
    const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) fail();
    const std::string text = line + "\n";
    errno = ENOSPC;  // what it means when a write is cut short
    const bool good = ::ftruncate(file, off_t(bytes_)) == 0 &&
                      ::pwrite(file, text.data(), text.size(), off_t(bytes_)) == ssize_t(text.size()) &&
                      ::fsync(file) == 0;
    ::close(file);
    if (!good) fail();
    bytes_ += text.size();
}

std::string version_of(const Checkpoint& checkpoint) {
    constexpr size_t beginning = size_t(1) << 16;
    std::string text;
    for (const MappedFilePtr& file : dynamic_cast<const FileCheckpoint&>(checkpoint).mapped()) {
        const auto bytes = file->bytes().first(std::min(beginning, size_t(file->size())));
        text += file->version() + " " + version_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\n";
    }
    return version_of(text);
}

std::string version_of(std::string_view text) {
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return std::to_string(hash.high64) + "-" + std::to_string(hash.low64);
}

}  // namespace lacuna
