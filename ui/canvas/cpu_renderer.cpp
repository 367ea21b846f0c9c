#include <imgui.h>

#include <QGuiApplication>

#include "ui/canvas/rasteriser.h"
#include "ui/canvas/renderer.h"

namespace lacuna::ui {
namespace {

// ImGui compares the addresses of these with a command's callback; they never run.
void reset_state(const ImDrawList*, const ImDrawCmd*) {}
void sample_linear(const ImDrawList*, const ImDrawCmd*) {}
void sample_nearest(const ImDrawList*, const ImDrawCmd*) {}

class CpuRenderer : public Renderer {
  public:
    std::string name() const override { return "cpu"; }

    void attach() override {
        ImGuiIO& io = ImGui::GetIO();
        io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures | ImGuiBackendFlags_RendererHasVtxOffset;
        ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
        platform.DrawCallback_ResetRenderState = reset_state;
        platform.DrawCallback_SetSamplerLinear = sample_linear;
        platform.DrawCallback_SetSamplerNearest = sample_nearest;
    }

    void detach() override {
        for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
            texture->SetTexID(ImTextureID_Invalid);
            texture->SetStatus(ImTextureStatus_Destroyed);
        }
        ImGui::GetIO().BackendFlags &= ~ImGuiBackendFlags_RendererHasTextures;
    }

    void update_textures(ImDrawData& frame) override { acknowledge_textures(frame); }

    void draw(ImDrawData& frame, uint32_t background, QImage& image) override {
        const QSize size(int(frame.DisplaySize.x * frame.FramebufferScale.x),
                         int(frame.DisplaySize.y * frame.FramebufferScale.y));
        if (image.size() != size || image.format() != QImage::Format_RGB32) image = QImage(size, QImage::Format_RGB32);
        if (image.isNull()) return;
        auto* pixels = reinterpret_cast<uint32_t*>(image.bits());
        rasterise(frame, background, {pixels, size.width(), size.height(), int(image.bytesPerLine() / 4)});
    }
};

}  // namespace

void acknowledge_textures(ImDrawData& frame) {
    if (!frame.Textures) return;
    for (ImTextureData* texture : *frame.Textures) {
        switch (texture->Status) {
            case ImTextureStatus_WantCreate:
            case ImTextureStatus_WantUpdates:
                texture->SetTexID(ImTextureID(reinterpret_cast<intptr_t>(texture)));
                texture->SetStatus(ImTextureStatus_OK);
                break;
            case ImTextureStatus_WantDestroy:
                texture->SetTexID(ImTextureID_Invalid);
                texture->SetStatus(ImTextureStatus_Destroyed);
                break;
            case ImTextureStatus_OK:
            case ImTextureStatus_Destroyed:
                break;
        }
    }
}

std::unique_ptr<Renderer> make_cpu_renderer() {
    return std::make_unique<CpuRenderer>();
}

std::unique_ptr<Renderer> make_renderer() {
    const QByteArray wanted = qgetenv("LACUNA_RENDERER");
    const QString platform = QGuiApplication::platformName();
    const bool display = platform != "offscreen" && platform != "minimal" && platform != "vnc";
    if (wanted == "gl" || (wanted != "cpu" && display))
        if (auto renderer = make_gl_renderer(wanted == "gl")) return renderer;
    return make_cpu_renderer();
}

}  // namespace lacuna::ui
