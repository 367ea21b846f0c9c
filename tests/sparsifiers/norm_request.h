#pragma once

#include <random>
#include <string>
#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::testing_support {

inline std::vector<float> normal_weights(int64_t count, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> weights(static_cast<size_t>(count));
    for (float& weight : weights) weight = normal(random);
    return weights;
}

/// weight_norm with options by name, for single calls. The level is not checked: upstream's tests go past 0…1.
class NormRequest {
  public:
    NormRequest() { options_ = sparsifier("weight_norm").complete({}); }

    NormRequest level(double value) const { return with("sparsity_level", value); }
    NormRequest norm(const std::string& value) const { return with("norm", value); }
    NormRequest score(const std::string& value) const { return with("score", value); }
    /// Whole blocks, until `zeros` says otherwise.
    NormRequest block(int64_t rows, int64_t columns) const {
        return with("sparse_block_shape", std::vector<int64_t>{rows, columns}).with("zeros_per_block", rows * columns);
    }
    NormRequest zeros(int64_t count) const { return with("zeros_per_block", count); }
    NormRequest ties(Ties order) const {
        NormRequest copy = *this;
        copy.ties_ = order;
        return copy;
    }

    Mask mask(const TensorView& weight, const Mask* current = nullptr) const {
        const Mask ones = Mask::ones(weight.shape);
        return sparsifier("weight_norm").compute(request(weight, current ? current : &ones));
    }
    template <typename T>
    Mask mask(const std::vector<T>& weights, Shape shape, DType dtype = DType::F32,
              const Mask* current = nullptr) const {
        return mask(contiguous_view(weights.data(), dtype, std::move(shape)), current);
    }
    ThresholdCurve curve(const TensorView& weight) const {
        const Mask ones = Mask::ones(weight.shape);
        return sparsifier("weight_norm").thresholds(request(weight, &ones)).value();
    }

  private:
    NormRequest with(const std::string& name, OptionValue value) const {
        NormRequest copy = *this;
        copy.options_.set(name, std::move(value));
        return copy;
    }
    MaskRequest request(const TensorView& weight, const Mask* current) const {
        return {.weight = weight, .current = current, .options = &options_, .ties = ties_, .name = "w"};
    }

    Options options_;
    Ties ties_ = Ties::lowest;
};

}  // namespace lacuna::testing_support
