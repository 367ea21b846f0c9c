#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/session/session.h"
#include "ui/canvas/mask_colours.h"

struct ImGuiContext;
struct ImTextureData;

namespace lacuna::ui {

inline constexpr int tile_side = 256;  ///< texels

/// A piece of a matrix' picture: its texels stand for 2^level_y × 2^level_x weights each.
struct TileKey {
    int level_x = 0, level_y = 0;
    int64_t x = 0, y = 0;  ///< in tiles
    auto operator<=>(const TileKey&) const = default;
};

/// Texels of a tile that are inside the matrix.
struct TileExtent {
    int width = 0, height = 0;
};
TileExtent tile_extent(const MatrixShape& matrix, const TileKey& key);

/// Paints a tile into tile_side × tile_side texels, row by row. Single weights are read from the tensor and the mask,
/// cells from the pyramids, averaged further where the two levels differ; what a pyramid lacks is read from the tensor.
void paint_tile(const TensorDetail& detail, const TileKey& key, const MaskColours& colours, std::span<uint32_t> texels);

/// The tiles' textures: made on demand, within a time budget each frame, the longest unused ones given up for new
/// ones. Tiles of an older mask stay on show until their turn comes, so that nothing flickers while a threshold moves.
class TileCache {
  public:
    explicit TileCache(size_t most_tiles = 256) : most_tiles_(most_tiles) {}
    ~TileCache();
    TileCache(const TileCache&) = delete;
    TileCache& operator=(const TileCache&) = delete;

    /// Starts a frame with what is to be shown. Another tensor empties the cache; another mask, mode or theme makes
    /// its tiles stale.
    void begin_frame(const TensorDetailPtr& detail, MaskMode mode, const ViewStyle& style, double budget_ms);
    /// The tile's texture; null while it is not made. Asking makes it, or refreshes it, if there is time left in this
    /// frame (there always is for the first).
    ImTextureData* tile(const TileKey& key);
    /// The tile if it is there, without making it.
    ImTextureData* find(const TileKey& key);
    /// Whether a tile that was asked for in this frame is missing or stale.
    bool incomplete() const { return incomplete_; }

    size_t tiles() const { return tiles_.size(); }
    size_t most_tiles() const { return most_tiles_; }

  private:
    struct Tile {
        std::unique_ptr<ImTextureData> texture;
        uint64_t generation = 0;  ///< which picture its texels show
        uint64_t used = 0;        ///< the last frame that asked for it
    };
    bool time_left();
    std::unique_ptr<ImTextureData> new_texture();
    std::unique_ptr<ImTextureData> spare_texture();
    void paint(const TileKey& key, Tile& tile);

    size_t most_tiles_;
    std::map<TileKey, Tile> tiles_;
    std::vector<std::unique_ptr<ImTextureData>> spare_;
    ImGuiContext* context_ = nullptr;

    TensorDetailPtr detail_;
    std::unique_ptr<MaskColours> colours_;
    MaskMode mode_ = MaskMode::weights;
    bool dark_ = false;
    uint64_t generation_ = 0, frame_ = 0;
    int painted_ = 0;  ///< in this frame
    double budget_ms_ = 0, deadline_ = 0;
    bool incomplete_ = false;
};

}  // namespace lacuna::ui
