#pragma once

#include <ATen/Parallel.h>

namespace lacuna {

/// LibTorch's own threads, set to one while it lives, where batches run side by side or must give the same bits: how
/// operators split their work, and with it the last bits of their sums, then does not depend on the number of threads.
class OneThread {
  public:
    OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
    ~OneThread() { at::set_num_threads(before_); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

  private:
    int before_;
};

}  // namespace lacuna
