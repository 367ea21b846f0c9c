#pragma once

#include <QString>
#include <string_view>

#include "engine/base/progress.h"
#include "engine/tensor/tensor_view.h"

namespace lacuna::ui {

/// UTF-8 from the engine as Qt's text.
QString to_qstring(std::string_view text);
/// "1,234,567"
QString grouped(int64_t number);
/// "48.2 %"; never rounds up to 100 % or down to 0 % unless it is exactly that.
QString percent_text(double fraction);
/// "64×3×3×3"; "scalar" for no dimensions.
QString shape_text(const Shape& shape);
/// "1.23 MB", in powers of 1000 as file managers count.
QString bytes_text(double bytes);
/// "1.23 M": a number that need not be exact.
QString count_text(int64_t count);
/// "8 s", "2 min 05 s", "1 h 10 min"
QString duration_text(double seconds);
/// "Writing · 12.0 of 98.1 MB · 31.2 MB/s · 3 s left"; leaves out what is not known.
QString progress_text(const ProgressState& progress);
/// "1 tensor", "3 tensors": the noun with an s unless there is exactly one.
QString counted(int64_t number, const char* noun);
/// "sparsity_level" → "Sparsity level"; torch.ao.pruning's abbreviations in words: "init_sl" → "First sparsity level"
QString title_from_name(std::string_view name);

}  // namespace lacuna::ui
