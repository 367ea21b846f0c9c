#include "engine/torch/convert.h"

#include <map>
#include <string_view>

#include "engine/base/error.h"
#include "engine/torch/masked_activations.h"
#include "engine/torch/quantized/convert_embeddings.h"
#include "engine/torch/quantized/convert_file.h"
#include "engine/torch/structured/smaller.h"

namespace lacuna {
namespace {

/// One line for each conversion that engine/model declares.
const std::map<std::string_view, ConvertFunction>& functions() {
    static const std::map<std::string_view, ConvertFunction> all{
        {"masked_activations", convert_to_masked_activations},
        {"quantized_embeddings", convert_to_quantised_embeddings},
        {"sparse_quantized_dynamic", convert_sparse_quantised_dynamic},
        {"sparse_quantized_static", convert_sparse_quantised_static},
        {"smaller", convert_to_smaller},
    };
    return all;
}

}  // namespace

ConversionReport convert_with_torch(const ConversionRequest& request, Progress& progress) {
    const auto found = functions().find(request.conversion);
    if (found == functions().end())
        throw Error(ErrorKind::argument, request.conversion, "LibTorch's side has no conversion of that name",
                    "build both together");
    return found->second(request, progress);
}

}  // namespace lacuna
