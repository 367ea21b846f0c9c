// Reads any bytes as a pickle, names its tensors and brings it into a zip archive's form.
#include <cstdint>
#include <string>

#include "engine/base/error.h"
#include "engine/formats/legacy_pickle.h"
#include "engine/formats/pickle_reader.h"
#include "engine/formats/tensor_names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        const lacuna::PickleResult pickle = lacuna::read_pickle(bytes, "fuzz");
        lacuna::name_tensors(pickle.graph, "fuzz");
        const std::string rewritten = lacuna::zip_form_of_legacy_pickle(bytes.substr(0, pickle.size), "fuzz");
        lacuna::read_pickle(rewritten, "fuzz");
    } catch (const lacuna::Error&) {
    }
    return 0;
}
