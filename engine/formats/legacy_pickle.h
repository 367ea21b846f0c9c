#pragma once

#include <string>
#include <string_view>

namespace lacuna {

/// A legacy file's pickle as a zip archive wants it. All objects stay as they are; only persistent ids change, opcode
/// by opcode: storages lose the sixth element (views become storages under their own key), and classes that were saved
/// with their source code become plain references to the class. `where` names the file in errors. Throws Error(format).
std::string zip_form_of_legacy_pickle(std::string_view pickle, const std::string& where);

}  // namespace lacuna
