#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lacuna {

/// Words as one zstd frame with a checksum.
std::vector<std::byte> packed(std::span<const uint64_t> words);
/// The words of a frame that holds exactly `count` of them; nothing for any other bytes. Allocates no more than those.
std::optional<std::vector<uint64_t>> unpacked(std::span<const std::byte> frame, size_t count);

}  // namespace lacuna
