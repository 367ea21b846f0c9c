#pragma once

#include <string>

#include "engine/mask/fake_sparsity.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// One prepared tensor in lines of text: name, shape, rule and mask, then an option a line.
std::string group_in_words(const std::string& fqn, const Sparsifier& sparsifier, const Options& options,
                           const FakeSparsity& fake_sparsity);

}  // namespace lacuna
