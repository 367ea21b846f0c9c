#include "engine/model/torch_plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <vector>

#include "engine/base/error.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

constexpr const char* library_name = "liblacuna_torch.so";
constexpr const char* library_variable = "LACUNA_TORCH_LIBRARY";

/// Places to look in, the most particular first. The last is left to the loader: RUNPATH and system folders.
std::vector<std::string> library_candidates() {
    if (const char* named = std::getenv(library_variable); named && *named) return {named};
    std::vector<std::string> places;
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code).parent_path();
    for (const fs::path& folder : {program / "../lib", program})
        if (fs::exists(folder / library_name, code))
            places.push_back((folder / library_name).lexically_normal().string());
    places.emplace_back(library_name);
    return places;
}

const TorchPlugin* load_plugin(const std::string& purpose) {
    const std::vector<std::string> places = library_candidates();
    void* library = nullptr;
    std::string reason;
    for (const std::string& place : places) {
        library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library) break;
        if (const char* said = ::dlerror(); said && reason.empty()) reason = said;
    }
    if (!library)
        throw Error(ErrorKind::missing, purpose, "the LibTorch side could not be loaded (" + reason + ")",
                    "build with -DLACUNA_TORCH=ON, or name " + std::string(library_name) + " in " + library_variable);
    const auto function = reinterpret_cast<TorchPluginFunction>(::dlsym(library, torch_plugin_symbol));
    const TorchPlugin* plugin = function ? function() : nullptr;
    if (!plugin || plugin->version != TorchPlugin::current_version)
        throw Error(ErrorKind::missing, purpose, std::string(library_name) + " is of another version of Lacuna",
                    "build both together");
    return plugin;
}

}  // namespace

const TorchPlugin& torch_plugin(const std::string& purpose) {
    static std::mutex mutex;
    static const TorchPlugin* loaded = nullptr;
    std::lock_guard lock(mutex);
    if (!loaded) loaded = load_plugin(purpose);
    return *loaded;
}

}  // namespace lacuna
