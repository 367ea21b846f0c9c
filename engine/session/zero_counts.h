#pragma once

#include <optional>
#include <vector>

#include "engine/session/document.h"

namespace lacuna {

/// What was counted of one tensor, and under which masks.
struct CountedZeros {
    TensorZeros zeros;
    MaskPtr stepped, shown;  ///< the document's; null: none
    MaskPtr nonzero;  ///< the weights that are not zero by themselves; kept while masks lie on a tensor with zeros
};

/// Tensors to be counted together, for they share storage; mostly one.
struct ZeroWork {
    std::vector<size_t> tensors;
    std::vector<CountedZeros> counted;  ///< what is known of them, under the masks to count for; the result
};

/// Reads and counts, a slice of work at a time; a unit that cannot be counted stays unknown. After a cancellation the
/// results mean nothing. Zeros are those of an export: where tensors share storage, a weight is zero if the mask of any
/// of them prunes it.
void count(std::vector<ZeroWork>& work, const Checkpoint& checkpoint, const CancelToken& token);

/// What a session knows of the zeros in its model's parameters. It keeps a bit a weight only where a mask lies on a
/// tensor that has zeros of its own, so it never takes more than the masks do.
class ZeroCounts {
  public:
    /// Another checkpoint, or none.
    void start_over(const Checkpoint* checkpoint);
    /// Follows the document's masks as far as nothing needs to be read for it.
    void follow(const Document& document);
    /// What is to be counted next: the focus first, then small tensors, then large ones, as much as takes some tens of
    /// milliseconds, but at least one unit. Empty: everything is up to date.
    std::vector<ZeroWork> next_work(const Document& document, std::optional<size_t> focus) const;
    void take(std::vector<ZeroWork>& work);

    std::vector<TensorZeros> zeros() const;  ///< one for each tensor

  private:
    bool up_to_date(const std::vector<size_t>& unit, const Document& document) const;

    std::vector<CountedZeros> counted_;
    std::vector<std::vector<size_t>> units_;  ///< small ones first
    std::vector<const std::vector<size_t>*> unit_of_;
    std::vector<int64_t> weights_;  ///< of each unit
    std::vector<char> alone_;       ///< by tensor: its weights lie in places of their own, none of them twice
};

}  // namespace lacuna
