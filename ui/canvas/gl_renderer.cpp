#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QOpenGLExtraFunctions>
#include <QSurfaceFormat>

#include "ui/canvas/renderer.h"

namespace lacuna::ui {
namespace {

/// One OpenGL context without a window for all canvases. ImGui's backend keeps its objects per ImGui context.
class SharedGl {
  public:
    /// Null if there is no OpenGL 3.3.
    static std::shared_ptr<SharedGl> get() {
        static std::weak_ptr<SharedGl> shared;
        if (auto alive = shared.lock()) return alive;
        auto made = std::shared_ptr<SharedGl>(new SharedGl);
        if (!made->start()) return nullptr;
        shared = made;
        return made;
    }

    void make_current() { context_.makeCurrent(&surface_); }
    QOpenGLExtraFunctions& functions() { return *context_.extraFunctions(); }
    std::string driver() {
        const auto* text = reinterpret_cast<const char*>(functions().glGetString(GL_RENDERER));
        return text ? text : "unknown";
    }

  private:
    SharedGl() = default;

    bool start() {
        QSurfaceFormat format;
        format.setVersion(3, 3);
        format.setProfile(QSurfaceFormat::CoreProfile);
        context_.setFormat(format);
        if (!context_.create() || context_.isOpenGLES() || context_.format().version() < qMakePair(3, 3)) return false;
        surface_.setFormat(context_.format());
        surface_.create();
        return surface_.isValid() && context_.makeCurrent(&surface_);
    }

    QOffscreenSurface surface_;
    QOpenGLContext context_;
};

class GlRenderer : public Renderer {
  public:
    explicit GlRenderer(std::shared_ptr<SharedGl> gl) : gl_(std::move(gl)) {}
    ~GlRenderer() override {
        if (framebuffer_ == 0) return;
        gl_->make_current();
        free_target();
    }

    std::string name() const override { return "gl (" + gl_->driver() + ")"; }

    void attach() override {
        gl_->make_current();
        ImGui_ImplOpenGL3_Init("#version 330");
    }

    void detach() override {
        gl_->make_current();
        ImGui_ImplOpenGL3_Shutdown();
    }

    void update_textures(ImDrawData& frame) override {
        if (!frame.Textures) return;
        gl_->make_current();
        ImGui_ImplOpenGL3_NewFrame();
        for (ImTextureData* texture : *frame.Textures)
            if (texture->Status != ImTextureStatus_OK) ImGui_ImplOpenGL3_UpdateTexture(texture);
    }

    void draw(ImDrawData& frame, uint32_t background, QImage& image) override {
        const QSize size(int(frame.DisplaySize.x * frame.FramebufferScale.x),
                         int(frame.DisplaySize.y * frame.FramebufferScale.y));
        if (size.isEmpty()) return;
        gl_->make_current();
        auto& gl = gl_->functions();
        set_target(size);
        gl.glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
        gl.glViewport(0, 0, size.width(), size.height());
        gl.glDisable(GL_SCISSOR_TEST);
        const auto part = [&](int shift) { return float(background >> shift & 0xff) / 255.0f; };
        gl.glClearColor(part(16), part(8), part(0), 1);
        gl.glClear(GL_COLOR_BUFFER_BIT);
        ImGui_ImplOpenGL3_NewFrame();
        ImGui_ImplOpenGL3_RenderDrawData(&frame);
        if (image.size() != size || image.format() != QImage::Format_RGB32) image = QImage(size, QImage::Format_RGB32);
        gl.glPixelStorei(GL_PACK_ALIGNMENT, 4);
        gl.glReadPixels(0, 0, size.width(), size.height(), GL_BGRA, GL_UNSIGNED_INT_8_8_8_8_REV, image.bits());
        gl.glBindFramebuffer(GL_FRAMEBUFFER, 0);
        image.mirror();  // GL's first row is the lowest
    }

  private:
    void set_target(QSize size) {
        if (framebuffer_ != 0 && size == size_) return;
        auto& gl = gl_->functions();
        if (framebuffer_ != 0) free_target();
        gl.glGenFramebuffers(1, &framebuffer_);
        gl.glGenRenderbuffers(1, &colour_);
        gl.glBindRenderbuffer(GL_RENDERBUFFER, colour_);
        gl.glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, size.width(), size.height());
        gl.glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
        gl.glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, colour_);
        size_ = size;
    }

    void free_target() {
        auto& gl = gl_->functions();
        gl.glDeleteFramebuffers(1, &framebuffer_);
        gl.glDeleteRenderbuffers(1, &colour_);
        framebuffer_ = colour_ = 0;
    }

    std::shared_ptr<SharedGl> gl_;
    GLuint framebuffer_ = 0, colour_ = 0;
    QSize size_;
};

bool drawn_in_software(const std::string& driver) {
    for (const char* name : {"llvmpipe", "softpipe", "swrast", "SWR", "SwiftShader", "Software"})
        if (driver.find(name) != std::string::npos) return true;
    return false;
}

}  // namespace

std::unique_ptr<Renderer> make_gl_renderer(bool even_software) {
    auto gl = SharedGl::get();
    if (!gl) return nullptr;
    gl->make_current();
    if (!even_software && drawn_in_software(gl->driver())) return nullptr;
    return std::make_unique<GlRenderer>(std::move(gl));
}

}  // namespace lacuna::ui
