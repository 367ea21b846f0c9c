#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/select_mask.h"
#include "engine/mask/mask.h"

namespace lacuna {

void apply_mask(const Mask& mask, const TensorView& weight, std::byte* out) {
    if (mask.shape() != weight.shape)
        throw Error(ErrorKind::argument, "mask",
                    "its shape " + to_string(mask.shape()) + " is not the weight's " + to_string(weight.shape));
    const int bits = dtype_bits(weight.dtype);
    if (bits % 8 != 0)
        throw Error(ErrorKind::argument, "mask",
                    std::string(dtype_name(weight.dtype)) + " elements are not whole bytes and cannot be masked");
    const std::byte* in = weight.data;
    if (!weight.contiguous()) {
        copy_contiguous(weight, out);
        in = out;
    }
    const int bytes = bits / 8;
    constexpr int64_t words_a_chunk = 1 << 12;
    parallel_for(int64_t(mask.words().size()), words_a_chunk, [&](int64_t begin, int64_t end) {
        const int64_t first = begin * 64, last = std::min(end * 64, mask.size());
        const auto offset = size_t(first) * size_t(bytes);
        kernels::select_mask(in + offset, mask.words().data() + begin, last - first, bytes, out + offset);
    });
}

}  // namespace lacuna
