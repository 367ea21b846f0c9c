#include "engine/model/runner.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/model/torch_plugin.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

bool is_integer(DType dtype) {
    switch (dtype) {
        case DType::I64:
        case DType::I32:
        case DType::I16:
        case DType::I8:
        case DType::U8:
        case DType::U16:
        case DType::U32:
        case DType::U64:
            return true;
        default:
            return false;
    }
}

size_t needed(const Checkpoint& file, const std::string& name) {
    const auto tensor = file.find(name);
    if (!tensor)
        throw Error(ErrorKind::format, file.path().string(), "has no tensor called " + name,
                    "give a safetensors file with inputs (N first) and, to measure accuracy, labels (N integers)");
    return *tensor;
}

}  // namespace

std::shared_ptr<const Dataset> Dataset::open(const fs::path& path) {
    auto data = std::make_shared<Dataset>();
    data->file_ = open_checkpoint(path);
    data->inputs_ = needed(*data->file_, "inputs");
    data->labels_ = data->file_->find("labels");
    const Shape& inputs = data->file_->tensors()[data->inputs_].shape;
    const auto fail = [&](const std::string& what, const std::string& hint) {
        throw Error(ErrorKind::format, path.string(), what, hint);
    };
    if (inputs.empty()) fail("inputs are a single number", "the first dimension of inputs counts the samples");
    data->samples_ = inputs[0];
    if (data->labels_) {
        const TensorInfo& labels = data->file_->tensors()[*data->labels_];
        if (labels.shape.size() != 1 || !is_integer(labels.dtype))
            fail("labels are " + std::string(dtype_name(labels.dtype)) + " of shape " + to_string(labels.shape) +
                     ", not N integers",
                 "store one class number for each sample");
        if (labels.shape[0] != data->samples_)
            fail("there are " + std::to_string(labels.shape[0]) + " labels for inputs of shape " + to_string(inputs),
                 "the first dimension of inputs counts the samples");
    }
    if (data->samples_ == 0) fail("holds no sample", "give at least one");
    return data;
}

TensorView Dataset::inputs() const {
    return file_->view(inputs_);
}

TensorView Dataset::labels() const {
    return file_->view(labels_ ? *labels_ : needed(*file_, "labels"));
}

std::unique_ptr<Runner> make_runner(CheckpointPtr checkpoint, const std::string& device) {
    if (!checkpoint->runnable())
        throw Error(
            ErrorKind::argument, checkpoint->path().string(),
            "holds weights but no code (" + std::string(format_name(checkpoint->format())) + "), so it cannot run",
            "give the model as a TorchScript file");
    if (device != "cpu" && device != "cuda")
        throw Error(ErrorKind::argument, "device", "there is none called \"" + device + "\"", "choose cpu or cuda");
    return torch_plugin("running a model").make_runner(std::move(checkpoint), device, threads());
}

}  // namespace lacuna
