#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/formats/checked_sizes.h"
#include "engine/formats/json_reader.h"
#include "engine/formats/safetensors.h"

namespace lacuna {
namespace {

constexpr uint64_t length_bytes = 8;
constexpr uint64_t header_limit = 100'000'000;  // the limit of the safetensors library

uint64_t header_length(std::span<const std::byte> file) {
    uint64_t length = 0;
    for (size_t i = length_bytes; i-- > 0;) length = length << 8 | uint64_t(file[i]);
    return length;
}

constexpr std::string_view metadata_key = "__metadata__";

/// Reads {"NAME":{"dtype":…,"shape":[…],"data_offsets":[…]},…,"__metadata__":{…}}.
class HeaderReader : public JsonReader {
  public:
    HeaderReader(SafetensorsHeader& header, std::string where) : JsonReader(std::move(where)), header_(header) {}

  private:
    bool in_tensor(std::string_view key) const {
        return path().size() >= 2 && path()[0] != metadata_key && path()[1] == key;
    }

    void on_start(bool array) override {
        if (path().size() == 1 && array) fail(path()[0] + " is not an object");
        if (path().size() == 1 && path()[0] != metadata_key) begin_tensor();
        if (path().size() == 2 && in_tensor("shape")) has_shape_ = array;
        if (path().size() == 2 && path()[0] == metadata_key) fail("__metadata__ holds something that is not text");
    }
    void on_end() override {
        if (path().size() == 1 && path()[0] != metadata_key) end_tensor();
    }
    void on_other() override {
        if (path().size() == 1) fail(path()[0] + " is not an object");
        if (path().size() == 2 && path()[0] == metadata_key) fail("__metadata__ holds something that is not text");
        if (in_tensor("dtype") || in_tensor("shape") || in_tensor("data_offsets"))
            fail(path()[1] + " of " + path()[0] + " is not what it should be");
    }
    void on_string(const std::string& value) override {
        if (path().size() == 2 && path()[0] == metadata_key) {
            header_.metadata[path()[1]] = value;
        } else if (path().size() == 2 && in_tensor("dtype")) {
            if (!dtype_from_name(value, tensor_.dtype)) fail(path()[0] + " is of the unknown type " + value);
            has_dtype_ = true;
        } else {
            on_other();
        }
    }
    void on_number(uint64_t value) override {
        if (path().size() == 3 && in_tensor("shape")) {
            if (value > uint64_t(INT64_MAX)) fail(path()[0] + " is larger than any file");
            tensor_.shape.push_back(int64_t(value));
        } else if (path().size() == 3 && in_tensor("data_offsets")) {
            offsets_.push_back(value);
        } else {
            on_other();
        }
    }

    void begin_tensor() {
        tensor_ = {};
        tensor_.name = path()[0];
        offsets_.clear();
        has_dtype_ = has_shape_ = false;
    }
    void end_tensor() {
        if (!has_dtype_) fail(tensor_.name + " has no dtype");
        if (!has_shape_) fail(tensor_.name + " has no shape");
        if (offsets_.size() != 2) fail(tensor_.name + " does not have two data_offsets");
        const auto bytes = checked_bytes(tensor_.dtype, tensor_.shape);
        if (!bytes || offsets_[1] < offsets_[0] || offsets_[1] - offsets_[0] != *bytes)
            fail("the data_offsets of " + tensor_.name + " do not fit " + std::string(dtype_name(tensor_.dtype)) +
                 " of shape " + to_string(tensor_.shape));
        tensor_.offset = offsets_[0];
        tensor_.strides = contiguous_strides(tensor_.shape);
        tensor_.storage = header_.tensors.size();
        header_.tensors.push_back(std::move(tensor_));
    }

    SafetensorsHeader& header_;
    TensorInfo tensor_;
    std::vector<uint64_t> offsets_;
    bool has_dtype_ = false, has_shape_ = false;
};

/// Tensors must tile the data: that is what the format demands, and what lets a copy be patched.
void check_coverage(const SafetensorsHeader& header, uint64_t data_bytes, const std::string& where) {
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorKind::format, where, what, "the file is damaged or cut off: fetch or save it again");
    };
    std::vector<size_t> order(header.tensors.size());
    std::iota(order.begin(), order.end(), size_t(0));
    const auto place = [&](size_t i) {
        const TensorInfo& tensor = header.tensors[i];
        return std::pair(tensor.offset, tensor.offset + tensor.bytes());
    };
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place(a) < place(b); });
    uint64_t covered = 0;
    for (const size_t i : order) {
        const auto [begin, end] = place(i);
        const std::string& name = header.tensors[i].name;
        if (end > data_bytes)
            refuse(name + " ends at byte " + std::to_string(end) + " of the data, which has " +
                   std::to_string(data_bytes));
        if (begin < covered) refuse(name + " overlaps the tensor before it");
        if (begin > covered) refuse("nothing owns the " + std::to_string(begin - covered) + " bytes before " + name);
        covered = end;
    }
    if (covered != data_bytes)
        refuse("nothing owns the last " + std::to_string(data_bytes - covered) + " bytes of the file");
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> file) {
    return file.size() > length_bytes && file[length_bytes] == std::byte('{') && header_length(file) >= 2 &&
           header_length(file) <= std::max<uint64_t>(header_limit, file.size());
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& where) {
    if (file.size() < length_bytes)
        throw Error(ErrorKind::format, where, "is too short for a safetensors file", "fetch or save it again");
    const uint64_t length = header_length(file);
    if (length > header_limit)
        throw Error(ErrorKind::format, where, "its header claims " + std::to_string(length) + " bytes",
                    "a safetensors header has at most " + std::to_string(header_limit));
    if (length > file.size() - length_bytes)
        throw Error(
            ErrorKind::format, where,
            "its header claims " + std::to_string(length) + " bytes, the file has " + std::to_string(file.size()),
            "the file is cut off: fetch or save it again");
    SafetensorsHeader header;
    header.data_start = length_bytes + length;
    const char* text = reinterpret_cast<const char*>(file.data()) + length_bytes;
    HeaderReader(header, where).read(text, text + length);
    check_coverage(header, file.size() - header.data_start, where);
    return header;
}

}  // namespace lacuna
