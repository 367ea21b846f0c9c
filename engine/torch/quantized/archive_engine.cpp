#include "engine/torch/quantized/archive_engine.h"

#include <caffe2/serialize/inline_container.h>

#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/quantized/engine_scope.h"

namespace lacuna {
namespace {

struct Calls {
    bool fixed = false, dynamic = false;  ///< ranges
};

void look(std::string_view code, Calls& calls) {
    constexpr std::string_view name = "ops.sparse.qlinear";
    for (size_t at = code.find(name); at != code.npos; at = code.find(name, at + 1)) {
        const std::string_view rest = code.substr(at + name.size());
        calls.dynamic = calls.dynamic || rest.starts_with("_dynamic(") || rest.starts_with("_relu_dynamic(");
        calls.fixed = calls.fixed || rest.starts_with("(") || rest.starts_with("_relu(");
    }
}

}  // namespace

std::optional<c10::QEngine> archive_engine(const std::filesystem::path& path) {
    Calls calls;
    try {
        caffe2::serialize::PyTorchStreamReader archive(path.string());
        for (const std::string& record : archive.getAllRecords()) {
            if (!record.starts_with("code/") || !record.ends_with(".py")) continue;
            const auto [bytes, size] = archive.getRecord(record);
            look({static_cast<const char*>(bytes.get()), size}, calls);
        }
    } catch (const std::exception& error) {
        throw Error(ErrorKind::format, path.string(), "LibTorch cannot read this TorchScript archive: " + brief(error));
    }
    if (calls.fixed && calls.dynamic)
        throw Error(ErrorKind::format, path.string(),
                    "calls sparse linear operators with static and with dynamic ranges, which no one engine has");
    if (calls.dynamic) return sparse_dynamic_engine;
    if (calls.fixed) return sparse_static_engine;
    return std::nullopt;
}

}  // namespace lacuna
