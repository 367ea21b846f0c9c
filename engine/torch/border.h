#pragma once

#include <memory>
#include <new>

#include "engine/base/error.h"
#include "engine/base/progress.h"
#include "engine/model/runner.h"
#include "engine/sparsifiers/block_device.h"
#include "engine/torch/libtorch_error.h"

namespace lacuna {

/// Runs work that was called from outside liblacuna_torch.so. What LibTorch throws would bring a backtrace along, and
/// is a type that the engine does not know: it becomes an Error.
template <typename Work>
auto at_border(const Work& work) {
    try {
        return work();
    } catch (const Error&) {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::state, "LibTorch", brief(error));
    }
}

/// The same for every call of these, which live on outside.
std::unique_ptr<Runner> guarded(std::unique_ptr<Runner> runner);
std::unique_ptr<BlockDevice> guarded(std::unique_ptr<BlockDevice> device);

}  // namespace lacuna
