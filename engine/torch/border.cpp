#include "engine/torch/border.h"

namespace lacuna {
namespace {

class GuardedRunner final : public Runner {
  public:
    explicit GuardedRunner(std::unique_ptr<Runner> inner) : inner_(std::move(inner)) {}

    Evaluation evaluate(const Dataset& data, const MaskSet& masks, Progress& progress) override {
        return at_border([&] { return inner_->evaluate(data, masks, progress); });
    }
    ActivationSet calibrate(const Dataset& data, const std::vector<std::string>& weights, Progress& progress,
                            WithoutInput without_input) override {
        return at_border([&] { return inner_->calibrate(data, weights, progress, without_input); });
    }

  private:
    std::unique_ptr<Runner> inner_;
};

class GuardedBlockDevice final : public BlockDevice {
  public:
    explicit GuardedBlockDevice(std::unique_ptr<BlockDevice> inner) : inner_(std::move(inner)) {}

    std::optional<Mask> prune(const TensorView& weight, const Mask* current, bool squared,
                              const BlockRule& rule) override {
        return at_border([&] { return inner_->prune(weight, current, squared, rule); });
    }
    std::vector<std::byte> on_host(const TensorView& weight) override {
        return at_border([&] { return inner_->on_host(weight); });
    }

  private:
    std::unique_ptr<BlockDevice> inner_;
};

}  // namespace

std::unique_ptr<Runner> guarded(std::unique_ptr<Runner> runner) {
    return std::make_unique<GuardedRunner>(std::move(runner));
}

std::unique_ptr<BlockDevice> guarded(std::unique_ptr<BlockDevice> device) {
    return std::make_unique<GuardedBlockDevice>(std::move(device));
}

}  // namespace lacuna
