#include "ui/canvas/rasteriser.h"

#include <imgui.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/base/parallel.h"
#include "ui/canvas/texture_sampler.h"

namespace lacuna::ui {
namespace {

constexpr int band_rows = 32;

struct Box {
    int left, top, right, bottom;  ///< pixels; right and bottom are outside
    bool empty() const { return left >= right || top >= bottom; }
};

Box cross(const Box& a, const Box& b) {
    return {std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right), std::min(a.bottom, b.bottom)};
}

struct Vertex {
    float x, y, u, v;
    uint32_t colour;
};

/// The first pixel whose centre is at or after `edge`; far-off coordinates are held inside the integers.
int first_pixel(float edge) {
    return int(std::clamp(std::ceil(edge - 0.5f), -1e6f, 1e6f));
}

/// Blends `colour` (ImGui's layout) over a pixel.
void blend(uint32_t& pixel, uint32_t colour) {
    const uint32_t alpha = colour >> 24;
    if (alpha == 255) {
        pixel = pixel_of(colour);
    } else if (alpha != 0) {
        const uint32_t rest = 255 - alpha;
        pixel = 0xff000000u | over_255((colour & 0xff) * alpha + (pixel >> 16 & 0xff) * rest) << 16 |
                over_255((colour >> 8 & 0xff) * alpha + (pixel >> 8 & 0xff) * rest) << 8 |
                over_255((colour >> 16 & 0xff) * alpha + (pixel & 0xff) * rest);
    }
}

/// One thing to draw. A rectangle keeps two opposite corners in `a` and `c`, a triangle uses all three.
struct Primitive {
    enum class Kind : uint8_t { fill, image, triangle } kind;
    bool nearest;
    Box box;  ///< inside the clip rectangle and the surface
    Vertex a, b, c;
    const Texture* texture;
};

/// A run of one colour is what most pixels of a frame are.
void draw_fill(const Primitive& p, const Box& box, const Surface& surface) {
    for (int y = box.top; y < box.bottom; ++y) {
        uint32_t* row = surface.pixels + int64_t(y) * surface.stride;
        if (p.a.colour >> 24 == 255) {
            std::fill(row + box.left, row + box.right, pixel_of(p.a.colour));
        } else {
            for (int x = box.left; x < box.right; ++x) blend(row[x], p.a.colour);
        }
    }
}

/// Texel coordinates of each pixel along one side of a rectangle.
std::vector<Tap> taps(int begin, int end, float from, float to, float t0, float t1, int texels, bool nearest) {
    std::vector<Tap> result(size_t(std::max(0, end - begin)));
    const double slope = to == from ? 0.0 : (double(t1) - t0) / (double(to) - from);
    for (int i = begin; i < end; ++i) {
        const double t = (t0 + (i + 0.5 - from) * slope) * texels;
        result[size_t(i - begin)] = nearest ? nearest_tap(t, texels) : linear_tap(t, texels);
    }
    return result;
}

void draw_image(const Primitive& p, const Box& box, const Surface& surface) {
    const Texture& texture = *p.texture;
    const auto columns = taps(box.left, box.right, p.a.x, p.c.x, p.a.u, p.c.u, texture.width, p.nearest);
    const auto rows = taps(box.top, box.bottom, p.a.y, p.c.y, p.a.v, p.c.v, texture.height, p.nearest);
    const bool plain = p.nearest && p.a.colour == 0xffffffffu;
    for (int y = box.top; y < box.bottom; ++y) {
        uint32_t* row = surface.pixels + int64_t(y) * surface.stride + box.left;
        const Tap& v = rows[size_t(y - box.top)];
        const uint32_t* texels = texture.texels + int64_t(v.first) * texture.width;
        if (plain) {
            for (size_t i = 0; i < columns.size(); ++i) blend(row[i], texels[columns[i].first]);
        } else {
            for (size_t i = 0; i < columns.size(); ++i)
                blend(row[i], tinted(sample(texture, columns[i], v), p.a.colour));
        }
    }
}

/// A value that varies linearly over a triangle.
struct Plane {
    float at_origin, per_x, per_y;
    float at(float x, float y) const { return at_origin + per_x * x + per_y * y; }
};

class TriangleShader {
  public:
    explicit TriangleShader(const Primitive& p) : p_(p) {
        const Vertex &a = p.a, &b = p.b, &c = p.c;
        area_ = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
        flat_colour_ = a.colour == b.colour && b.colour == c.colour;
        flat_texture_ = a.u == b.u && b.u == c.u && a.v == b.v && b.v == c.v;
        if (area_ == 0) return;
        for (int i = 0; i < 4; ++i) {
            const auto part = [i](const Vertex& v) { return float(v.colour >> (8 * i) & 0xff); };
            colour_[size_t(i)] = plane(part(a), part(b), part(c));
        }
        u_ = plane(a.u * p.texture->width, b.u * p.texture->width, c.u * p.texture->width);
        v_ = plane(a.v * p.texture->height, b.v * p.texture->height, c.v * p.texture->height);
        if (flat_texture_) texel_ = sample_at(a.u * p.texture->width, a.v * p.texture->height);
    }

    void draw(const Box& box, const Surface& surface) const {
        if (area_ == 0) return;
        for (int y = box.top; y < box.bottom; ++y) {
            float left = INFINITY, right = -INFINITY;
            for (const auto& [from, to] : {std::pair{&p_.a, &p_.b}, {&p_.b, &p_.c}, {&p_.c, &p_.a}})
                cut(*from, *to, float(y) + 0.5f, left, right);
            if (!(left < right)) continue;
            uint32_t* row = surface.pixels + int64_t(y) * surface.stride;
            const int end = std::min(box.right, first_pixel(right));
            for (int x = std::max(box.left, first_pixel(left)); x < end; ++x)
                blend(row[x], colour_at(float(x) + 0.5f, float(y) + 0.5f));
        }
    }

  private:
    /// Where the edge crosses the line `y`. Both triangles at an edge see the same two ends in the same order, so
    /// that no pixel between them is left out or drawn twice.
    static void cut(const Vertex& from, const Vertex& to, float y, float& left, float& right) {
        const bool down = from.y < to.y || (from.y == to.y && from.x < to.x);
        const Vertex &top = down ? from : to, &bottom = down ? to : from;
        if (!(top.y <= y && y < bottom.y)) return;
        const float x = top.x + (y - top.y) * ((bottom.x - top.x) / (bottom.y - top.y));
        left = std::min(left, x);
        right = std::max(right, x);
    }

    Plane plane(float a, float b, float c) const {
        const float per_x = ((b - a) * (p_.c.y - p_.a.y) - (c - a) * (p_.b.y - p_.a.y)) / area_;
        const float per_y = ((c - a) * (p_.b.x - p_.a.x) - (b - a) * (p_.c.x - p_.a.x)) / area_;
        return {a - per_x * p_.a.x - per_y * p_.a.y, per_x, per_y};
    }

    uint32_t sample_at(float u, float v) const {
        const Texture& t = *p_.texture;
        return p_.nearest ? sample(t, nearest_tap(u, t.width), nearest_tap(v, t.height))
                          : sample(t, linear_tap(u, t.width), linear_tap(v, t.height));
    }

    uint32_t colour_at(float x, float y) const {
        uint32_t colour = p_.a.colour;
        if (!flat_colour_) {
            colour = 0;
            for (int i = 0; i < 4; ++i) {
                const float part = std::clamp(colour_[size_t(i)].at(x, y), 0.0f, 255.0f);
                colour |= uint32_t(part + 0.5f) << (8 * i);
            }
        }
        return tinted(flat_texture_ ? texel_ : sample_at(u_.at(x, y), v_.at(x, y)), colour);
    }

    const Primitive& p_;
    float area_ = 0;
    bool flat_colour_ = false, flat_texture_ = false;
    std::array<Plane, 4> colour_{};
    Plane u_{}, v_{};
    uint32_t texel_ = 0;
};

/// Turns a frame's commands into primitives: pairs of triangles that make an upright rectangle of one colour are found
/// again, since they cover nearly every pixel.
class Collector {
  public:
    Collector(const ImDrawData& frame, const Surface& surface)
        : frame_(frame), all_{0, 0, surface.width, surface.height} {
        for (const ImDrawList* list : frame.CmdLists)
            for (const ImDrawCmd& command : list->CmdBuffer) take(*list, command);
    }
    const std::vector<Primitive>& primitives() const { return primitives_; }

  private:
    void take(const ImDrawList& list, const ImDrawCmd& command) {
        if (command.UserCallback) {
            const ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
            nearest_ = command.UserCallback == platform.DrawCallback_SetSamplerNearest;
            return;
        }
        const ImVec2 scale = frame_.FramebufferScale, origin = frame_.DisplayPos;
        const ImVec4 r = command.ClipRect;
        clip_ = cross(all_, {int((r.x - origin.x) * scale.x), int((r.y - origin.y) * scale.y),
                             int((r.z - origin.x) * scale.x), int((r.w - origin.y) * scale.y)});
        texture_ = texture_of(command.GetTexID());
        if (clip_.empty() || !texture_) return;
        const ImDrawIdx* index = list.IdxBuffer.Data + command.IdxOffset;
        vertices_ = list.VtxBuffer.Data + command.VtxOffset;
        for (unsigned i = 0; i + 3 <= command.ElemCount;) {
            if (i + 6 <= command.ElemCount && rectangle(index + i)) {
                i += 6;
            } else {
                triangle(index + i);
                i += 3;
            }
        }
    }

    Vertex vertex(ImDrawIdx index) const {
        const ImDrawVert& v = vertices_[index];
        return {(v.pos.x - frame_.DisplayPos.x) * frame_.FramebufferScale.x,
                (v.pos.y - frame_.DisplayPos.y) * frame_.FramebufferScale.y, v.uv.x, v.uv.y, v.col};
    }

    bool rectangle(const ImDrawIdx* index) {
        // Two triangles 0 1 2 and 0 2 3 around a diagonal from 0 to 2, as ImGui and ImPlot write them.
        if (index[3] != index[0] || index[4] != index[2]) return false;
        const ImDrawVert &a = vertices_[index[0]], &b = vertices_[index[1]], &c = vertices_[index[2]],
                         &d = vertices_[index[5]];
        const auto side = [](const ImDrawVert& p, const ImDrawVert& q) {
            return p.col == q.col &&
                   ((p.pos.y == q.pos.y && p.uv.y == q.uv.y) || (p.pos.x == q.pos.x && p.uv.x == q.uv.x));
        };
        const bool turns = (a.pos.x == b.pos.x) != (a.pos.x == d.pos.x) || (a.pos.y == b.pos.y) != (a.pos.y == d.pos.y);
        if (!side(a, b) || !side(b, c) || !side(c, d) || !side(d, a) || !turns) return false;
        Vertex from = vertex(index[0]), to = vertex(index[2]);
        if (from.x > to.x) std::swap(from.x, to.x), std::swap(from.u, to.u);
        if (from.y > to.y) std::swap(from.y, to.y), std::swap(from.v, to.v);
        Primitive p{Primitive::Kind::image, nearest_, {}, from, {}, to, texture_};
        if (from.u == to.u && from.v == to.v) {
            p.kind = Primitive::Kind::fill;
            p.a.colour = tinted(sample(*texture_, linear_tap(from.u * texture_->width, texture_->width),
                                       linear_tap(from.v * texture_->height, texture_->height)),
                                from.colour);
        }
        p.box = cross(clip_, {first_pixel(from.x), first_pixel(from.y), first_pixel(to.x), first_pixel(to.y)});
        if (!p.box.empty()) primitives_.push_back(p);
        return true;
    }

    void triangle(const ImDrawIdx* index) {
        Primitive p{Primitive::Kind::triangle, nearest_,         {},      vertex(index[0]),
                    vertex(index[1]),          vertex(index[2]), texture_};
        p.box =
            cross(clip_, {first_pixel(std::min({p.a.x, p.b.x, p.c.x})), first_pixel(std::min({p.a.y, p.b.y, p.c.y})),
                          first_pixel(std::max({p.a.x, p.b.x, p.c.x})), first_pixel(std::max({p.a.y, p.b.y, p.c.y}))});
        if (!p.box.empty()) primitives_.push_back(p);
    }

    const Texture* texture_of(ImTextureID id) {
        const auto* data = reinterpret_cast<const ImTextureData*>(intptr_t(id));
        if (!data || !data->Pixels || data->Format != ImTextureFormat_RGBA32) return nullptr;
        for (const auto& known : textures_)
            if (known->texels == reinterpret_cast<const uint32_t*>(data->Pixels)) return known.get();
        textures_.push_back(std::make_unique<Texture>(
            Texture{reinterpret_cast<const uint32_t*>(data->Pixels), data->Width, data->Height}));
        return textures_.back().get();
    }

    const ImDrawData& frame_;
    Box all_, clip_{};
    bool nearest_ = false;
    const Texture* texture_ = nullptr;
    const ImDrawVert* vertices_ = nullptr;
    std::vector<std::unique_ptr<Texture>> textures_;
    std::vector<Primitive> primitives_;
};

}  // namespace

void rasterise(const ImDrawData& frame, uint32_t background, const Surface& surface) {
    const Collector collected(frame, surface);
    parallel_for(surface.height, band_rows, [&](int64_t begin, int64_t end) {
        const Box band{0, int(begin), surface.width, int(end)};
        for (int y = band.top; y < band.bottom; ++y)
            std::fill_n(surface.pixels + int64_t(y) * surface.stride, surface.width, background);
        for (const Primitive& p : collected.primitives()) {
            const Box box = cross(p.box, band);
            if (box.empty()) continue;
            switch (p.kind) {
                case Primitive::Kind::fill:
                    draw_fill(p, box, surface);
                    break;
                case Primitive::Kind::image:
                    draw_image(p, box, surface);
                    break;
                case Primitive::Kind::triangle:
                    TriangleShader(p).draw(box, surface);
                    break;
            }
        }
    });
}

}  // namespace lacuna::ui
