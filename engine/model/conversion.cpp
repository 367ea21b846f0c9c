#include "engine/model/conversion.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/nearest.h"
#include "engine/base/output_file.h"
#include "engine/base/parallel.h"
#include "engine/model/registry.h"
#include "engine/model/torch_plugin.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

void check_masks(const ConversionRequest& request) {
    for (const auto& [fqn, mask] : request.masks) {
        const auto index = request.checkpoint->find(fqn);
        if (!index)
            throw Error(ErrorKind::argument, fqn, "there is a mask for it, but the model has no tensor of that name",
                        "give masks that were made for this model");
        const Shape& shape = request.checkpoint->tensors()[*index].shape;
        if (mask && mask->shape() != shape)
            throw Error(ErrorKind::argument, fqn,
                        "its mask has shape " + to_string(mask->shape()) + ", the tensor " + to_string(shape),
                        "give masks that were made for this model");
    }
}

void check_out(const ConversionRequest& request) {
    std::error_code ignored;
    for (const fs::path& file : request.checkpoint->files())
        if (fs::equivalent(file, request.out, ignored))
            throw Error(ErrorKind::file, request.out.string(), "is the model itself, which is in use",
                        "name another file");
}

/// The work itself; errors about the temporary file are about the target.
ConversionReport converted(const ConversionRequest& staged, const fs::path& target, Progress& progress) {
    try {
        return torch_plugin("converting a model").convert(staged, threads(), progress);
    } catch (const Error& error) {
        if (error.where() != staged.out.string()) throw;
        throw Error(error.kind(), target.string(), error.problem(), error.hint());
    }
}

}  // namespace

std::span<const Conversion* const> conversions() {
    static const auto all = [] {
        auto list = listed_conversions();
        std::sort(list.begin(), list.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
        return list;
    }();
    return all;
}

const Conversion& conversion(std::string_view name) {
    std::vector<std::string> known;
    for (const Conversion* one : conversions()) {
        if (one->name == name) return *one;
        known.push_back(one->name);
    }
    throw Error(ErrorKind::argument, "conversion", "there is none called \"" + std::string(name) + "\"",
                suggestion(name, known));
}

ConversionReport convert(const ConversionRequest& request, Progress& progress) {
    const auto began = std::chrono::steady_clock::now();
    const Conversion& chosen = conversion(request.conversion);
    if (!request.checkpoint->runnable())
        throw Error(ErrorKind::argument, request.checkpoint->path().string(),
                    "holds weights but no code (" + std::string(format_name(request.checkpoint->format())) +
                        "), so there is nothing to rewrite",
                    "give the model as a TorchScript file");
    if (chosen.needs_data && !request.data)
        throw Error(ErrorKind::argument, chosen.name, "it must run the model on samples, and there is no data",
                    "give a safetensors file with inputs");
    check_masks(request);
    check_out(request);
    ConversionRequest staged = request;
    staged.options = completed(chosen.options, request.options, "conversion " + chosen.name);
    OutputFile file(request.out);
    staged.out = file.temporary();
    ConversionReport report = converted(staged, request.out, progress);
    report.parameters_before = request.checkpoint->parameters();
    report.bytes_before = request.checkpoint->file_bytes();
    report.bytes_after = fs::file_size(staged.out);
    progress.check();
    file.commit();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return report;
}

std::string to_json(const ConversionReport& report, std::string_view conversion) {
    nlohmann::ordered_json json{{"conversion", conversion},
                                {"parameters_before", report.parameters_before},
                                {"parameters_after", report.parameters_after},
                                {"bytes_before", report.bytes_before},
                                {"bytes_after", report.bytes_after},
                                {"layers", nlohmann::ordered_json::array()},
                                {"notes", report.notes}};
    for (const ConversionRow& row : report.rows)
        json["layers"].push_back(
            {{"name", row.name}, {"before", row.before}, {"after", row.after}, {"what", row.what}});
    if (report.largest_difference) json["largest_difference"] = *report.largest_difference;
    if (report.largest_output) json["largest_output"] = *report.largest_output;
    json["samples_compared"] = report.samples_compared;
    json["seconds"] = report.seconds;
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace lacuna
