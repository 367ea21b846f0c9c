#pragma once

#include <QImage>
#include <memory>
#include <string>

struct ImDrawData;

namespace lacuna::ui {

/// Turns frames of one ImGui context into pictures. Every member is called with that context current, on the window's
/// thread.
class Renderer {
  public:
    virtual ~Renderer() = default;
    /// "cpu", or "gl" with the driver's name.
    virtual std::string name() const = 0;
    /// Tells the context what this renderer can do.
    virtual void attach() = 0;
    /// Frees every texture; to be called before the owners of textures go.
    virtual void detach() = 0;
    /// Creates, updates and frees the textures that the frame asks for. Needed for each frame, drawn or not.
    virtual void update_textures(ImDrawData& frame) = 0;
    /// Draws the frame on `background` (0xffRRGGBB) into `image`, which is made anew where its size is not the frame's.
    virtual void draw(ImDrawData& frame, uint32_t background, QImage& image) = 0;
};

/// Marks the frame's textures as created, updated or freed, for whoever reads their pixels in place: texture ids become
/// pointers to ImTextureData.
void acknowledge_textures(ImDrawData& frame);

std::unique_ptr<Renderer> make_cpu_renderer();
/// Null where no OpenGL context can be had, or only one that is drawn in software (unless `even_software`): the CPU
/// renderer is quicker than that.
std::unique_ptr<Renderer> make_gl_renderer(bool even_software);
/// The one that suits this machine; LACUNA_RENDERER=cpu or gl overrides the choice.
std::unique_ptr<Renderer> make_renderer();

}  // namespace lacuna::ui
