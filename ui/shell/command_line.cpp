#include "ui/shell/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "ui/shell/window_parts.h"

namespace lacuna::ui {
namespace {

constexpr int wrong_usage = 2;
constexpr int smallest_side = 320, largest_side = 16384;

/// "1280x800"
std::optional<QSize> size_from(const std::string& text) {
    const QStringList sides = QString::fromStdString(text).split('x', Qt::KeepEmptyParts, Qt::CaseInsensitive);
    if (sides.size() != 2) return std::nullopt;
    bool width_ok = false, height_ok = false;
    const QSize size(sides[0].toInt(&width_ok), sides[1].toInt(&height_ok));
    const auto fits = [](int side) { return side >= smallest_side && side <= largest_side; };
    if (!width_ok || !height_ok || !fits(size.width()) || !fits(size.height())) return std::nullopt;
    return size;
}

std::string check_size(const std::string& text) {
    return size_from(text) ? std::string() : "'" + text + "' is not WIDTHxHEIGHT with sides of 320 to 16384 pixels";
}

}  // namespace

Parsed parse_command_line(int argc, const char* const* argv) {
    CLI::App app("Opens a neural network, prunes it layer by layer, and shows masks and cost while they change.");
    app.name("lacuna");
    app.set_version_flag("--version", "lacuna " LACUNA_VERSION);
    std::string model, data, recipe, state, render, size, focus, theme, show;
    CommandLine line;
    app.add_option("MODEL", model,
                   "safetensors, sharded safetensors' index, PyTorch checkpoint, TorchScript, or a session (.lacuna)");
    app.add_option("--data", data, "safetensors with `inputs` and `labels`, to measure accuracy on");
    app.add_option("--recipe", recipe, "recipe to prune by, once the model is open");
    app.add_option("--state", state, "sparsifier's state_dict() to go on from, once the model is open");
    app.add_option("--focus", focus, "tensor to look at, by its full name");
    app.add_option("--theme", theme, "colours: light or dark (else as last chosen, at first as the desktop)")
        ->check(CLI::IsMember({"light", "dark"}));
    app.add_option("--autosave", line.autosave,
                   "keep a copy of what is not saved this many seconds after a change (30); "
                   "0: never")
        ->check(CLI::Range(0, 3600));
    auto* png = app.add_option("--render", render, "draw the window into this PNG and leave; needs no display");
    app.add_option("--size", size, "the drawn window's size, WIDTHxHEIGHT in logical pixels (1280x800)")
        ->needs(png)
        ->check(check_size);
    std::vector<std::string> parts;
    for (const QString& part : window_parts()) parts.push_back(part.toStdString());
    app.add_option("--show", show, "the panel or dialog to draw: " + window_parts().join(", ").toStdString())
        ->needs(png)
        ->check(CLI::IsMember(parts).description(""));
    app.add_option("--scale", line.scale, "pixels of the PNG for each logical pixel (1)")
        ->needs(png)
        ->check(CLI::Range(0.5, 4.0));
    app.footer("Headless pruning, inspection and evaluation: lacuna-cli --help");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return {line, app.exit(error) == 0 ? 0 : wrong_usage};
    }
    line.model = QString::fromStdString(model);
    line.data = QString::fromStdString(data);
    line.recipe = QString::fromStdString(recipe);
    line.state = QString::fromStdString(state);
    line.show = QString::fromStdString(show);
    line.render = QString::fromStdString(render);
    line.focus = QString::fromStdString(focus);
    if (!size.empty()) line.size = *size_from(size);
    if (!theme.empty()) line.theme = theme == "dark" ? ThemeChoice::dark : ThemeChoice::light;
    if (line.model.isEmpty() && !(line.data.isEmpty() && line.recipe.isEmpty() && line.state.isEmpty())) {
        std::cerr << "error: --data, --recipe and --state need a MODEL to go with\n";
        return {line, wrong_usage};
    }
    return {line, std::nullopt};
}

}  // namespace lacuna::ui
