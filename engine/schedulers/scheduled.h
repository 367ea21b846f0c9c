#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace lacuna {

/// One numeric option of whatever a scheduler drives, seen group by group: all that a scheduler knows of it.
class Scheduled {
  public:
    virtual ~Scheduled() = default;

    /// The option's name, e.g. "sparsity_level".
    virtual const std::string& option() const = 0;
    /// Groups now; more may come later, under names of their own.
    virtual size_t groups() const = 0;
    virtual std::string group_name(size_t group) const = 0;
    /// The option's value in that group; nothing if its sparsifier has no such option.
    virtual std::optional<double> value(size_t group) const = 0;
    /// Sets the option in every group that has a value here, one entry a group. All or nothing: throws Error(argument)
    /// for a value that a group cannot take.
    virtual void set_values(std::span<const std::optional<double>> values) = 0;
    /// Mask updates so far.
    virtual int64_t steps_taken() const = 0;
    /// Called after every scheduler step; upstream's schedulers set enable_mask_update.
    virtual void enable_mask_update() {}
};

}  // namespace lacuna
