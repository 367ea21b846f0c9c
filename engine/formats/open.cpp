#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/torch_legacy.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
namespace {

struct Refusal {
    std::string what, hint;
};

/// What a file of no known format is, in words, where that can be told.
Refusal why_unknown(std::string_view text) {
    if (text.starts_with("version https://git-lfs"))
        return {"is a Git LFS pointer, not the checkpoint itself", "run git lfs pull in its repository"};
    if (text.starts_with("GGUF"))
        return {"is a GGUF file, which is not read", "use the checkpoint that it was made from"};
    if (text.starts_with("\x89HDF\r\n"))
        return {"is an HDF5 file, which is not read", "save the weights as safetensors"};
    if (text.size() > 262 && text.substr(257, 5) == "ustar")
        return {"is a tar archive, as PyTorch before 0.1.10 wrote or as one packs files",
                "unpack it, or load it in PyTorch and save it again"};
    if (text.starts_with("SQLite format 3"))
        return {"is an SQLite database, as Lacuna's sessions are",
                "open it in the window, or give the model that it is of"};
    if (text.starts_with("<")) return {"is an HTML or XML page, not a checkpoint", "fetch the file itself"};
    return {"is of no format that is known", "safetensors, its .index.json, .pt and TorchScript files are read"};
}

}  // namespace

CheckpointPtr open_checkpoint(const std::filesystem::path& path) {
    MappedFilePtr file = MappedFile::open(path);
    const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->size());
    if (looks_like_safetensors(file->bytes())) return std::make_shared<SafetensorsCheckpoint>(std::move(file));
    if (looks_like_zip(file->bytes())) return std::make_shared<TorchZipCheckpoint>(std::move(file));
    if (looks_like_pickle(text)) return std::make_shared<LegacyCheckpoint>(std::move(file));
    const size_t first = text.substr(0, 4096).find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && text[first] == '{')
        return std::make_shared<ShardedCheckpoint>(std::move(file));
    const Refusal refusal = why_unknown(text);
    throw Error(ErrorKind::format, path.string(), refusal.what, refusal.hint);
}

}  // namespace lacuna
