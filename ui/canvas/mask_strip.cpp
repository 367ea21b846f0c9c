// The strip below the mask's picture: what is under the pointer, and what the colours mean.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/numbers.h"
#include "ui/canvas/mask_view.h"
#include "ui/canvas/text.h"

namespace lacuna::ui {
namespace {

constexpr float ramp_width = 96;

/// "input 3, kernel 1, 2" for a column of a convolution's matrix; empty for a plain matrix.
std::string place_in_kernel(const Shape& shape, int64_t column) {
    if (shape.size() < 3) return {};
    int64_t kernel = 1;
    for (size_t i = 2; i < shape.size(); ++i) kernel *= shape[i];
    std::string text("input ");
    text.append(std::to_string(column / kernel)).append(", kernel ");
    int64_t rest = column % kernel;
    for (size_t i = 2; i < shape.size(); ++i) {
        kernel /= shape[i];
        if (i > 2) text += ", ";
        text += std::to_string(rest / kernel);
        rest %= kernel;
    }
    return text;
}

/// As many of a name's last parts as there is room for beside some figures.
void add_name(TextLine& line, std::string name, uint32_t colour) {
    const float room = (line.end() - line.x()) * 0.6f;
    const auto fits = [&] { return ImGui::CalcTextSize(name.c_str()).x <= room; };
    for (size_t dot; !fits() && (dot = name.find('.')) != std::string::npos;) name = "…" + name.substr(dot + 1);
    line.add(name, colour, 0);
}

void draw_ramp(const std::vector<uint32_t>& ramp, uint32_t outline, ImVec2 at, float height) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float step = ramp_width / float(ramp.size());
    for (size_t i = 0; i < ramp.size(); ++i)
        list->AddRectFilled({at.x + float(i) * step, at.y}, {at.x + float(i + 1) * step, at.y + height}, ramp[i]);
    list->AddRect(at, {at.x + ramp_width, at.y + height}, outline);
}

}  // namespace

MaskViewAction::Hover describe_weight(const TensorDetail& detail, Cell cell) {
    MaskViewAction::Hover hover;
    hover.cell = cell;
    const int64_t index = cell.row * matrix_shape(detail.weight.shape).columns + cell.column;
    read_as_double(detail.weight, index, index + 1, &hover.value);
    hover.kept = (*detail.mask)[index];
    hover.zero = detail.is_zero_kept(index);
    const std::string place = place_in_kernel(detail.weight.shape, cell.column);
    hover.text.append("row ").append(std::to_string(cell.row));
    hover.text.append(", column ").append(std::to_string(cell.column));
    if (!place.empty()) hover.text.append(" (").append(place).append(")");
    hover.text.append(": ").append(number_text(hover.value)).append(", ").append(hover.state());
    return hover;
}

/// Where a pixel stands for many weights its colour is of their mean, and pales with each that is pruned.
float MaskView::draw_legend(const Layout& l, const TensorDetail& detail, const ViewStyle& style) const {
    const SmallText small(style);
    const MaskLegend legend = mask_legend(MaskColours(style, mode_), mode_, detail.full_scale, l.down, l.across);
    const bool ramp = !legend.ramp.empty();
    const bool zeros = mode_ != MaskMode::magnitude && detail.zero_kept > 0;
    const bool gaps = (mode_ == MaskMode::weights || !ramp) && (!zeros || detail.kept < detail.mask->size());
    const auto width_of = [](const std::string& text) { return ImGui::CalcTextSize(text.c_str()).x; };
    const float side = std::round(ImGui::GetFontSize() * 0.8f);
    float width = legend.before.empty() ? 0 : width_of(legend.before) + style.space;
    if (ramp) width += width_of(legend.least) + ramp_width + width_of(legend.most) + 2 * style.tight;
    if (!ramp) width += side + style.tight + width_of("kept");
    if (gaps) width += style.wide + side + style.tight + width_of("pruned");
    if (zeros) width += style.wide + side + style.tight + width_of("zero");
    const float left = l.width - style.wide - width;
    if (!l.roomy || left < l.width * 0.2f) return l.width - style.wide;
    TextLine line({left, std::round(l.strip_top + (style.body_text - style.small_text) / 2)}, l.width);
    if (!legend.before.empty()) line.add(legend.before, style.text, 0);
    const float gap = legend.before.empty() ? 0 : style.space;
    if (ramp) {
        line.add(legend.least, style.muted, gap);
        draw_ramp(legend.ramp, style.border, {line.x() + style.tight, l.strip_top + 2}, style.body_text - 2);
        line.add(legend.most, style.muted, ramp_width + 2 * style.tight);
    } else {
        line.swatch(style.kept, style.border, gap);
        line.add("kept", style.muted, style.tight);
    }
    if (zeros) {
        line.swatch(style.own_zero, style.muted, style.wide);
        line.add("zero", style.muted, style.tight);
    }
    if (gaps) {
        line.swatch(style.gap, style.muted, style.wide);
        line.add("pruned", style.muted, style.tight);
    }
    return left;
}

void MaskView::draw_strip(const Layout& l, const TensorDetail& detail, const ViewStyle& style,
                          const std::optional<MaskViewAction::Hover>& hover) const {
    const float end = draw_legend(l, detail, style) - style.wide;
    TextLine line({style.space, l.strip_top}, end);
    if (hover) {
        const float share = detail.full_scale > 0 ? float(hover->value / detail.full_scale) : 0.0f;
        line.swatch(MaskColours(style, mode_).weight(share, hover->kept, hover->zero), style.muted, 0);
        line.add(hover->state(), style.text, style.tight);
        line.add(number_text(hover->value), style.text, style.wide);
        const std::string row = std::to_string(hover->cell.row), column = std::to_string(hover->cell.column);
        std::string words("row "), brief(row);
        words.append(row).append(", column ").append(column);
        brief.append(", ").append(column);
        if (!line.add(words, style.muted, style.wide)) line.add(brief, style.muted, style.space);
        line.add(place_in_kernel(detail.weight.shape, hover->cell.column), style.muted, style.wide);
        return;
    }
    const int64_t all = detail.mask->size();
    const int64_t kept = detail.kept - detail.zero_kept;  // what an export holds beside zeros
    const std::string share =
        percentage(all > 0 ? 1 - double(kept) / double(all) : 0) + (detail.zero_kept > 0 ? " zero" : " pruned");
    if (detail.model) {
        add_name(line, detail.model->checkpoint().tensors()[detail.tensor].name, style.text);
        line.add(share, style.muted, style.wide);
    } else {
        line.add(share, style.text, 0);
    }
    line.add(lacuna::grouped(kept) + " of " + lacuna::grouped(all) + " kept", style.muted, style.wide);
    if (detail.pending) line.add("preview", style.threshold, style.wide);
}

}  // namespace lacuna::ui
