#pragma once

#include <string>

#include "engine/formats/squashed_names.h"

namespace lacuna {

/// The pickle of a file that torch.save wrote, made anew with a checkpoint's squashed names: the same dicts, lists and
/// values around the tensors, which lie in storages called by their numbers ("0", "1", …). Throws Error(argument) if
/// the file holds objects of other classes: what they do with the old names nobody knows.
std::string squashed_pickle(const SquashedNames& checkpoint);

}  // namespace lacuna
