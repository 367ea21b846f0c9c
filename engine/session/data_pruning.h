#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/progress.h"
#include "engine/mask/fake_sparsity.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// A tensor in the caller's memory that may be written.
struct DataRef {
    std::byte* data = nullptr;
    DType dtype = DType::F32;
    Shape shape;
    Shape strides;  ///< in elements

    TensorView view() const { return {data, dtype, shape, strides}; }
};

/// A row-major tensor at `data`.
DataRef data_ref(void* data, DType dtype, Shape shape);

/// How a tensor is added.
struct DataConfig {
    Options options;         ///< over the defaults or, for a name that is there already, over its options
    bool reuse_mask = true;  ///< a name that is there already keeps its mask; needs the same shape
    MaskPtr mask;            ///< to begin with; null: ones
};

/// What a data pruning has to say; upstream warns or is silent.
struct DataNotice {
    enum class Kind {
        replaced,    ///< the name was there already
        kept_zeros,  ///< sparse_block_shape was overridden without zeros_per_block, which stays what it was
    };
    Kind kind = Kind::replaced;
    std::string name;
    std::string text;
};

/// Everything a data pruning knows, values included, on its own.
struct DataPruningState {
    struct Item {
        std::string name;
        Options options;  ///< complete
        MaskPtr mask;
        bool squashed = false;
        DType dtype = DType::F32;
        Shape shape;
        std::vector<std::byte> values;  ///< row-major; the original ones unless squashed
    };
    std::string sparsifier;
    Options defaults;
    bool enable_mask_update = true;
    int64_t steps = 0;
    std::vector<Item> items;
};

/// Masks over named tensors that live in the caller's memory: torch.ao.pruning's BaseDataSparsifier (docs/parity.md).
/// Tensors are held by reference: changes outside show, squashing writes the caller's tensor, and its memory must
/// outlive this. Every step scores the original values, so that pruned ones may revive. Not thread-safe.
class DataPruning {
  public:
    using Notice = std::function<void(const DataNotice&)>;

    /// `defaults` are completed by the rule's own. The rule must outlive this. Throws Error(argument).
    explicit DataPruning(const Sparsifier& rule, const Options& defaults = {}, Ties ties = Ties::lowest,
                         Notice notice = {});

    /// Adds a tensor, or puts another one under a name that is there. Any name but "" will do. Throws Error(argument)
    /// for options that do not fit, a tensor the rule cannot prune, memory that another name holds already (its masks
    /// would multiply), and a mask of another shape; nothing has changed then.
    void add_data(const std::string& name, DataRef data, DataConfig config = {});

    /// Says where a tensor lies now, after its values moved to other memory. Throws Error(argument) for an unknown
    /// name, and for another dtype or shape.
    void relink(std::string_view name, DataRef data);

    const Sparsifier& rule() const { return rule_; }
    const Options& defaults() const { return defaults_; }
    size_t size() const { return items_.size(); }
    const std::string& name(size_t index) const { return items_[index].name; }  ///< in the order of adding
    bool has(std::string_view name) const;
    /// The options of one name, complete. Like the five after it throws Error(argument) for an unknown name.
    const Options& options(std::string_view name) const;
    const Mask& get_mask(std::string_view name) const;
    bool squashed(std::string_view name) const;
    /// The tensor where it lies, squashed or not.
    TensorView view(std::string_view name) const { return item(name).data.view(); }
    /// The original tensor, where it lies. Throws Error(state) once it is squashed.
    TensorView get_data(std::string_view name) const;
    /// The masked values, row-major; of a squashed tensor the values as they are.
    std::vector<std::byte> get_masked(std::string_view name) const;

    /// Sets numeric options, by name, past the range that recipes keep to (schedulers do). All or nothing. Throws
    /// Error(argument) for an unknown name or option, and for values that do not fit.
    void set_option(const std::string& option, const std::map<std::string, double, std::less<>>& values);

    /// One update of all masks that are not squashed, unless `enable_mask_update` is false. All or nothing.
    void step(Progress& progress);
    void step();
    int64_t steps_taken() const { return steps_; }
    bool enable_mask_update = true;

    /// Writes +0 over the pruned values of these tensors (all that are not squashed yet) and lets go of their masking;
    /// masks stay to be asked for. With `leave_parametrized` false nothing is written. Throws Error(state) if one is
    /// squashed already, or none is left; nothing has changed then.
    void squash_mask(const std::optional<std::vector<std::string>>& names = {}, bool leave_parametrized = true);

    DataPruningState state() const;
    /// Strict: becomes the state. A name that is here with the same dtype and shape stays linked, and the caller's
    /// tensor gets the state's values; values under other names are copies of its own, which `add_data` can relink.
    /// Not strict: adds the names that are not here. All or nothing; throws Error(argument) for the state of another
    /// sparsifier or one that does not fit.
    void load_state(const DataPruningState& state, bool strict = true);
    /// A deep copy: it holds values of its own.
    DataPruning copy() const;

    /// The groups in words, an option a line.
    std::string to_string() const;

  private:
    struct Item {
        std::string name;
        DataRef data;
        Options options;
        MaskPtr mask;
        bool squashed = false;
        std::shared_ptr<std::vector<std::byte>> own;  ///< the values, where no caller holds them
    };

    const Item* find(std::string_view name) const;
    const Item& item(std::string_view name) const;
    Options options_for(const Options& base, const Options& given, const Shape& shape) const;
    void demand_alone(const std::string& name, const DataRef& data) const;
    void tell(DataNotice::Kind kind, const std::string& name, std::string text) const;
    Item restored(const DataPruningState::Item& saved) const;

    const Sparsifier& rule_;
    Options defaults_;
    Ties ties_;
    Notice notice_;
    std::vector<Item> items_;
    int64_t steps_ = 0;
};

/// Writes a state as one safetensors file: NAME.data and NAME.mask for every name, the rest as metadata. Renamed into
/// place. Throws Error(file).
void write_state(const DataPruningState& state, const std::filesystem::path& path, Progress& progress);
/// Reads what `write_state` wrote. Throws Error(file), Error(format).
DataPruningState read_data_state(const std::filesystem::path& path);

/// Writes a state as torch.save does, so that torch.load(weights_only=True) reads it and the load_state_dict() of
/// torch.ao.pruning's data sparsifiers takes it; no tensor's name may have a dot. Renamed into place. Throws
/// Error(argument), Error(file).
void write_torch_state(const DataPruningState& state, const std::filesystem::path& path, Progress& progress);
/// Reads the state_dict() of a data sparsifier that torch.save wrote, in Python or here. Python does not save which
/// sparsifier it is, nor what its constructor got (norm): `rule` and `defaults` say so. Throws Error(file),
/// Error(format).
DataPruningState read_torch_state(const std::filesystem::path& path, const Sparsifier& rule,
                                  const Options& defaults = {});

}  // namespace lacuna
