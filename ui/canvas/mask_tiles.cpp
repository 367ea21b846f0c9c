#include "ui/canvas/mask_tiles.h"

#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <cmath>

#include "engine/base/parallel.h"

namespace lacuna::ui {
namespace {

double now_ms() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

int64_t cells_at(int64_t weights, int level) {
    return (weights + (int64_t(1) << level) - 1) >> level;
}

/// What can be known of a rectangle of weights.
struct Sum {
    float magnitude = 0, kept = 0, zero = 0, weights = 0;  // zero: kept and zero in the file
};

/// Reads sums of 2^level_y × 2^level_x weights, row by row.
class CellReader {
  public:
    CellReader(const TensorDetail& detail, int level_x, int level_y)
        : detail_(detail), matrix_(matrix_shape(detail.weight.shape)), level_x_(level_x), level_y_(level_y) {
        scale_ = detail.full_scale > 0 ? float(1.0 / detail.full_scale) : 1.0f;
        base_ = std::min(level_x, level_y);
        while (base_ > 0 && !(magnitude_ = level(detail.magnitude, base_))) --base_;
        density_ = base_ > 0 ? level(detail.density, base_) : nullptr;
        if (!density_ || !magnitude_) base_ = 0;
        nonzero_ = base_ > 0 ? level(detail.nonzero_density, base_) : nullptr;
    }

    /// Adds up cells [x0, x0 + sums.size()) of row `y`.
    void read(int64_t x0, int64_t y, std::span<Sum> sums) const {
        const int64_t across = int64_t(1) << (level_x_ - base_), down = int64_t(1) << (level_y_ - base_);
        const int64_t rows = cells_at(matrix_.rows, base_), columns = cells_at(matrix_.columns, base_);
        const int64_t begin = x0 * across, end = std::min(columns, (x0 + int64_t(sums.size())) * across);
        std::vector<float> shares(size_t(std::max<int64_t>(0, end - begin)));
        for (int64_t row = y * down; row < std::min(rows, (y + 1) * down); ++row) {
            if (base_ > 0) {
                add_cells(row, begin, end, across, sums);
            } else {
                add_weights(row, begin, end, across, shares, sums);
            }
        }
    }

    float scale() const { return scale_; }
    const MatrixShape& matrix() const { return matrix_; }

  private:
    static const PyramidLevel* level(const std::shared_ptr<const Pyramid>& pyramid, int wanted) {
        if (!pyramid || wanted < pyramid->first_level) return nullptr;
        const auto index = size_t(wanted - pyramid->first_level);
        return index < pyramid->levels.size() ? &pyramid->levels[index] : nullptr;
    }

    /// Cells at the lower and right edge may stand for fewer weights than the others, and count for that many.
    void add_cells(int64_t row, int64_t begin, int64_t end, int64_t across, std::span<Sum> sums) const {
        const int64_t side = int64_t(1) << base_, columns = cells_at(matrix_.columns, base_);
        const int64_t height = std::min(side, matrix_.rows - row * side);
        for (int64_t x = begin; x < end; ++x) {
            Sum& sum = sums[size_t((x - begin) / across)];
            const float weights = float(height * std::min(side, matrix_.columns - x * side));
            const auto at = size_t(row * columns + x);
            sum.magnitude += weights * float(magnitude_->cells[at]) / 255.0f;
            sum.kept += weights * float(density_->cells[at]) / 255.0f;
            if (nonzero_) sum.zero += weights * float(density_->cells[at] - nonzero_->cells[at]) / 255.0f;
            sum.weights += weights;
        }
    }

    void add_weights(int64_t row, int64_t begin, int64_t end, int64_t across, std::vector<float>& shares,
                     std::span<Sum> sums) const {
        const int64_t first = row * matrix_.columns;
        read_as_float(detail_.weight, first + begin, first + end, shares.data());
        for (int64_t x = begin; x < end; ++x) {
            Sum& sum = sums[size_t((x - begin) / across)];
            const float share = std::abs(shares[size_t(x - begin)]) * scale_;
            sum.magnitude += std::isnan(share) ? 0.0f : share;  // a cell saturates by its mean, as in pyramids
            sum.kept += (*detail_.mask)[first + x] ? 1.0f : 0.0f;
            sum.zero += detail_.is_zero_kept(first + x) ? 1.0f : 0.0f;
            sum.weights += 1;
        }
    }

    const TensorDetail& detail_;
    MatrixShape matrix_;
    int level_x_, level_y_, base_ = 0;
    float scale_ = 1;
    const PyramidLevel *magnitude_ = nullptr, *density_ = nullptr, *nonzero_ = nullptr;
};

void paint_weights(const TensorDetail& detail, const MatrixShape& matrix, float scale, const TileKey& key,
                   const MaskColours& colours, int y, std::span<uint32_t> row) {
    const int64_t begin = (key.y * tile_side + y) * matrix.columns + key.x * tile_side;
    float values[tile_side];
    read_as_float(detail.weight, begin, begin + int64_t(row.size()), values);
    for (size_t x = 0; x < row.size(); ++x) {
        const int64_t at = begin + int64_t(x);
        row[x] = colours.weight(values[x] * scale, (*detail.mask)[at], detail.is_zero_kept(at));
    }
}

void paint_cells(const CellReader& reader, const TileKey& key, const MaskColours& colours, int y,
                 std::span<uint32_t> row) {
    Sum sums[tile_side];
    reader.read(key.x * tile_side, key.y * tile_side + y, std::span(sums, row.size()));
    for (size_t x = 0; x < row.size(); ++x) {
        const float weights = std::max(1.0f, sums[x].weights);
        row[x] = colours.cell(sums[x].magnitude / weights, sums[x].kept / weights, sums[x].zero / weights);
    }
}

}  // namespace

TileExtent tile_extent(const MatrixShape& matrix, const TileKey& key) {
    const auto side = [](int64_t weights, int level, int64_t tile) {
        return int(std::clamp<int64_t>(cells_at(weights, level) - tile * tile_side, 0, tile_side));
    };
    return {side(matrix.columns, key.level_x, key.x), side(matrix.rows, key.level_y, key.y)};
}

void paint_tile(const TensorDetail& detail, const TileKey& key, const MaskColours& colours,
                std::span<uint32_t> texels) {
    const CellReader reader(detail, key.level_x, key.level_y);
    const TileExtent extent = tile_extent(reader.matrix(), key);
    parallel_for(extent.height, 64, [&](int64_t begin, int64_t end) {
        for (int y = int(begin); y < int(end); ++y) {
            const auto row = texels.subspan(size_t(y) * tile_side, size_t(extent.width));
            if (key.level_x == 0 && key.level_y == 0) {
                paint_weights(detail, reader.matrix(), reader.scale(), key, colours, y, row);
            } else {
                paint_cells(reader, key, colours, y, row);
            }
        }
    });
}

TileCache::~TileCache() {
    if (!context_) return;
    ImGui::SetCurrentContext(context_);
    for (auto& [key, tile] : tiles_) ImGui::UnregisterUserTexture(tile.texture.get());
    for (auto& texture : spare_) ImGui::UnregisterUserTexture(texture.get());
}

void TileCache::begin_frame(const TensorDetailPtr& detail, MaskMode mode, const ViewStyle& style, double budget_ms) {
    context_ = ImGui::GetCurrentContext();
    const bool same_tensor = detail_ && detail && detail_->weight.data == detail->weight.data &&
                             detail_->weight.shape == detail->weight.shape && detail_->model == detail->model;
    const bool same_mask = same_tensor && (mode == MaskMode::magnitude || detail_->mask == detail->mask);
    const bool same_scale = same_tensor && detail_->full_scale == detail->full_scale &&
                            detail_->magnitude == detail->magnitude && detail_->density == detail->density &&
                            detail_->nonzero_density == detail->nonzero_density;
    const bool same_colours = colours_ && mode == mode_ && style.dark == dark_;
    if (!same_tensor) {
        for (auto& [key, tile] : tiles_) spare_.push_back(std::move(tile.texture));
        tiles_.clear();
    }
    if (!same_mask || !same_scale || !same_colours) ++generation_;
    if (!same_colours) colours_ = std::make_unique<MaskColours>(style, mode);
    detail_ = detail;
    mode_ = mode;
    dark_ = style.dark;
    ++frame_;
    painted_ = 0;
    incomplete_ = false;
    deadline_ = now_ms() + budget_ms;
}

bool TileCache::time_left() {
    return painted_ == 0 || now_ms() < deadline_;
}

std::unique_ptr<ImTextureData> TileCache::new_texture() {
    auto texture = std::make_unique<ImTextureData>();
    texture->Create(ImTextureFormat_RGBA32, tile_side, tile_side);
    texture->SetStatus(ImTextureStatus_WantCreate);
    texture->UseColors = true;
    ImGui::RegisterUserTexture(texture.get());
    return texture;
}

std::unique_ptr<ImTextureData> TileCache::spare_texture() {
    if (spare_.empty() && tiles_.size() < most_tiles_) return new_texture();
    if (spare_.empty()) {
        const auto oldest = std::min_element(
            tiles_.begin(), tiles_.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
        if (oldest == tiles_.end() || oldest->second.used == frame_) return nullptr;
        spare_.push_back(std::move(oldest->second.texture));
        tiles_.erase(oldest);
    }
    auto texture = std::move(spare_.back());
    spare_.pop_back();
    return texture;
}

void TileCache::paint(const TileKey& key, Tile& tile) {
    auto* texels = reinterpret_cast<uint32_t*>(tile.texture->Pixels);
    paint_tile(*detail_, key, *colours_, {texels, size_t(tile_side) * tile_side});
    if (tile.texture->Status != ImTextureStatus_WantCreate)
        ImTextureDataQueueUpload(tile.texture.get(), 0, 0, tile_side, tile_side);
    tile.generation = generation_;
    ++painted_;
}

ImTextureData* TileCache::tile(const TileKey& key) {
    const auto found = tiles_.find(key);
    if (found != tiles_.end()) {
        found->second.used = frame_;
        if (found->second.generation != generation_) {
            if (time_left()) {
                paint(key, found->second);
            } else {
                incomplete_ = true;
            }
        }
        return found->second.texture.get();
    }
    Tile made;
    if (!time_left()) {
        incomplete_ = true;
        return nullptr;
    }
    made.texture = spare_texture();
    if (!made.texture) return nullptr;  // this frame shows as many tiles as there may be
    made.used = frame_;
    paint(key, made);
    return tiles_.emplace(key, std::move(made)).first->second.texture.get();
}

ImTextureData* TileCache::find(const TileKey& key) {
    const auto found = tiles_.find(key);
    if (found == tiles_.end()) return nullptr;
    found->second.used = frame_;
    return found->second.texture.get();
}

}  // namespace lacuna::ui
