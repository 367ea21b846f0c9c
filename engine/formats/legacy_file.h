#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/pickle_reader.h"

namespace lacuna {

/// What a file holds that torch.save wrote before PyTorch 1.6: pickles (a magic number, a protocol version, facts about
/// the machine, the object, the storages' keys), then the storages one after the other.
struct LegacyFile {
    struct Storage {
        std::string key;
        std::span<const std::byte> bytes;
    };
    /// A part of a storage that goes by a key of its own.
    struct View {
        std::string key;
        size_t storage = 0;
        uint64_t offset = 0, bytes = 0;
    };
    PickleResult pickle;            ///< the object
    std::string_view pickle_bytes;  ///< where it lies
    std::vector<Storage> storages;  ///< in the file's order
    std::vector<View> views;
};

/// Reads it where it lies; `file` has to outlive the result. `where` names the file in errors. Throws Error(format).
LegacyFile read_legacy_file(std::string_view file, const std::string& where);

}  // namespace lacuna
