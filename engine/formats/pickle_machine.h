#pragma once

#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/formats/pickle_reader.h"
#include "engine/formats/pickle_text.h"

namespace lacuna {

inline constexpr size_t pickle_node_limit = size_t(1) << 23;  // far more than any checkpoint's objects

/// What follows an opcode in the pickle.
enum class PickleTakes : uint8_t {
    nothing,
    uint1,
    uint2,
    int4,
    uint4,
    uint8,
    float8,
    line,
    two_lines,
    text1,
    text4,
    text8
};

struct PickleArgument {
    int64_t number = 0;
    double real = 0;
    std::string_view text, second;
};

/// Runs one pickle. Handlers of opcodes are here; which byte calls which stands in the table in pickle_reader.cpp.
class PickleMachine {
  public:
    PickleMachine(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {
        true_ = add(PickleKind::boolean);
        graph()[true_].integer = 1;
        false_ = add(PickleKind::boolean);
        empty_tuple_ = add(PickleKind::tuple);
    }

    PickleResult run();

  private:
    struct Opcode {
        char code;
        const char* name;
        PickleTakes takes;
        void (PickleMachine::*run)(const PickleArgument&);
    };
    struct Entry {
        PickleId id;
        uint64_t start;  // where the making of this value begins
    };
    struct Mark {
        size_t height;
        uint64_t at;
    };
    static const Opcode opcodes[];
    static std::array<const Opcode*, 256> opcode_table();

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::format, where_,
                    "the pickle is damaged: " + what + " at byte " + std::to_string(at_) +
                        (now_ ? std::string(", ") + now_->name : ""),
                    "fetch or save the file again");
    }
    PickleGraph& graph() { return result_.graph; }
    PickleId add(PickleKind kind) {
        if (graph().size() >= pickle_node_limit) fail("it holds more objects than any checkpoint");
        return graph().add(kind);
    }
    PickleId add_text(PickleKind kind, std::string_view text) {
        if (text.size() > UINT32_MAX) fail("a text is too long");
        if (graph().size() >= pickle_node_limit) fail("it holds more objects than any checkpoint");
        return graph().add_text(kind, text);
    }

    // --- reading arguments
    std::string_view take(uint64_t count) {
        if (count > bytes_.size() - next_) fail("it is cut off");
        const std::string_view taken = bytes_.substr(next_, size_t(count));
        next_ += count;
        return taken;
    }
    uint64_t take_number(size_t width) {
        uint64_t value = 0;
        const std::string_view taken = take(width);
        for (size_t i = width; i-- > 0;) value = value << 8 | uint8_t(taken[i]);
        return value;
    }
    std::string_view take_line() {
        const size_t end = bytes_.find('\n', next_);
        if (end == std::string_view::npos) fail("it is cut off");
        std::string_view line = take(end - next_ + 1);
        line.remove_suffix(1);
        return line;
    }
    PickleArgument argument(PickleTakes takes);

    // --- the stack
    void push(PickleId id, uint64_t start) {
        if (stack_.size() >= pickle_node_limit) fail("its stack is too high");
        stack_.push_back({id, start});
    }
    void push(PickleId id) { push(id, at_); }
    size_t floor() const { return marks_.empty() ? 0 : marks_.back().height; }
    Entry pop() {
        if (stack_.size() <= floor()) fail("its stack is empty");
        const Entry entry = stack_.back();
        stack_.pop_back();
        return entry;
    }
    Entry& top() {
        if (stack_.size() <= floor()) fail("its stack is empty");
        return stack_.back();
    }
    /// Takes everything above the last mark, and the mark.
    std::vector<Entry> pop_to_mark() {
        if (marks_.empty()) fail("a mark is missing");
        const auto begin = stack_.begin() + ptrdiff_t(marks_.back().height);
        std::vector<Entry> entries(begin, stack_.end());
        stack_.erase(begin, stack_.end());
        start_ = marks_.back().at;
        marks_.pop_back();
        return entries;
    }
    static std::vector<PickleId> ids(const std::vector<Entry>& entries) {
        std::vector<PickleId> out;
        out.reserve(entries.size());
        for (const Entry& entry : entries) out.push_back(entry.id);
        return out;
    }

    // --- values
    void push_items(PickleKind kind, std::vector<PickleId> items, uint64_t start) {
        const PickleId id = add(kind);
        graph()[id].items = std::move(items);
        push(id, start);
    }
    void push_tuple(const std::vector<Entry>& entries, uint64_t start) {
        last_tuple_ = {};
        last_tuple_.tuple_at = at_;
        last_tuple_.begin = start;
        for (const Entry& entry : entries) last_tuple_.item_starts.push_back(entry.start);
        push_items(PickleKind::tuple, ids(entries), start);
        last_tuple_.id = stack_.back().id;
    }
    void push_integer(int64_t value) {
        const PickleId id = add(PickleKind::integer);
        graph()[id].integer = value;
        push(id);
    }
    void push_real(double value) {
        const PickleId id = add(PickleKind::real);
        graph()[id].real = value;
        push(id);
    }
    PickleId global(std::string_view module, std::string_view name) {
        std::string full = std::string(module) + "." + std::string(name);
        if (const auto known = globals_.find(full); known != globals_.end()) return known->second;
        const std::string_view kept = graph().keep(std::move(full));
        const PickleId id = add_text(PickleKind::global, kept);
        globals_.emplace(kept, id);
        return id;
    }
    void push_object(PickleId callable, PickleId arguments, uint64_t start) {
        push_items(PickleKind::object, {callable, arguments, 0, 0, 0}, start);
    }
    /// The list that appended elements go to: the list itself, or an object's part for them.
    PickleId container(PickleId target, PickleKind kind, size_t slot) {
        if (graph().kind(target) == kind) return target;
        if (graph().kind(target) != PickleKind::object) fail("something is put into what cannot hold it");
        if (graph()[target].items[slot] == 0) {
            const PickleId made = add(kind);
            graph()[target].items[slot] = made;
        }
        return graph()[target].items[slot];
    }
    void append(PickleId target, PickleKind kind, size_t slot, const std::vector<PickleId>& items) {
        std::vector<PickleId>& all = graph()[container(target, kind, slot)].items;
        all.insert(all.end(), items.begin(), items.end());
    }
    void set_pairs(const std::vector<PickleId>& items) {
        if (items.size() % 2) fail("a key has no value");
        append(top().id, PickleKind::dict, 3, items);
    }
    void memoize(uint64_t number) {
        if (memo_.size() >= pickle_node_limit) fail("it remembers more than any checkpoint");
        memo_[number] = top().id;
    }
    void recall(uint64_t number) {
        const auto known = memo_.find(number);
        if (known == memo_.end()) fail("it refers to something that it has not made");
        push(known->second);
    }
    uint64_t number_of(std::string_view digits) {
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size()) fail("a number is broken");
        return value;
    }

    // --- opcodes
    void mark(const PickleArgument&) {
        if (marks_.size() >= pickle_node_limit) fail("its stack is too high");
        marks_.push_back({stack_.size(), at_});
    }
    void stop(const PickleArgument&) {
        graph().root = pop().id;
        stopped_ = true;
    }
    void drop(const PickleArgument&) {
        if (stack_.size() == floor() && !marks_.empty())
            marks_.pop_back();
        else
            pop();
    }
    void drop_to_mark(const PickleArgument&) { pop_to_mark(); }
    void duplicate(const PickleArgument&) { push(top().id); }
    void none(const PickleArgument&) { push(PickleGraph::none); }
    void yes(const PickleArgument&) { push(true_); }
    void no(const PickleArgument&) { push(false_); }
    void integer(const PickleArgument& a) { push_integer(a.number); }
    void real(const PickleArgument& a) { push_real(a.real); }
    void integer_line(const PickleArgument& a);
    void real_line(const PickleArgument& a);
    void long_integer(const PickleArgument& a);
    void text(const PickleArgument& a) { push(add_text(PickleKind::text, a.text)); }
    void bytes(const PickleArgument& a) { push(add_text(PickleKind::bytes, a.text)); }
    void quoted_line(const PickleArgument& a) {
        auto decoded = unquote_python(a.text);
        if (!decoded) fail("a text is broken");
        push(add_text(PickleKind::text, graph().keep(std::move(*decoded))));
    }
    void unicode_line(const PickleArgument& a) {
        auto decoded = decode_raw_unicode(a.text);
        if (!decoded) fail("a text is broken");
        push(add_text(PickleKind::text, graph().keep(std::move(*decoded))));
    }
    void empty_list(const PickleArgument&) { push(add(PickleKind::list)); }
    void empty_dict(const PickleArgument&) { push(add(PickleKind::dict)); }
    void empty_set(const PickleArgument&) { push(add(PickleKind::set)); }
    void empty_tuple(const PickleArgument&) { push(empty_tuple_); }
    void tuple(const PickleArgument&) {
        const auto entries = pop_to_mark();
        push_tuple(entries, start_);
    }
    void tuple_of(size_t count) {
        std::vector<Entry> entries(count);
        for (size_t i = count; i-- > 0;) entries[i] = pop();
        push_tuple(entries, entries.front().start);
    }
    void tuple1(const PickleArgument&) { tuple_of(1); }
    void tuple2(const PickleArgument&) { tuple_of(2); }
    void tuple3(const PickleArgument&) { tuple_of(3); }
    void list(const PickleArgument&) {
        auto items = ids(pop_to_mark());
        push_items(PickleKind::list, std::move(items), start_);
    }
    void dict(const PickleArgument&) {
        auto items = ids(pop_to_mark());
        if (items.size() % 2) fail("a key has no value");
        push_items(PickleKind::dict, std::move(items), start_);
    }
    void frozen_set(const PickleArgument&) {
        auto items = ids(pop_to_mark());
        push_items(PickleKind::set, std::move(items), start_);
    }
    void append_one(const PickleArgument&) {
        const PickleId item = pop().id;
        append(top().id, PickleKind::list, 4, {item});
    }
    void append_many(const PickleArgument&) {
        const auto items = ids(pop_to_mark());
        append(top().id, PickleKind::list, 4, items);
    }
    void add_to_set(const PickleArgument&) {
        const auto items = ids(pop_to_mark());
        append(top().id, PickleKind::set, 4, items);
    }
    void set_item(const PickleArgument&) {
        const PickleId value = pop().id, key = pop().id;
        set_pairs({key, value});
    }
    void set_items(const PickleArgument&) { set_pairs(ids(pop_to_mark())); }
    void get_line(const PickleArgument& a) { recall(number_of(a.text)); }
    void get(const PickleArgument& a) { recall(uint64_t(a.number)); }
    void put_line(const PickleArgument& a) { memoize(number_of(a.text)); }
    void put(const PickleArgument& a) { memoize(uint64_t(a.number)); }
    void put_next(const PickleArgument&) { memoize(memo_.size()); }
    void named(const PickleArgument& a) { push(global(a.text, a.second)); }
    void named_by_stack(const PickleArgument&) {
        const Entry name = pop(), module = pop();
        if (graph().kind(name.id) != PickleKind::text || graph().kind(module.id) != PickleKind::text)
            fail("the name of a class is no text");
        push(global(graph().text(module.id), graph().text(name.id)), module.start);
    }
    void extension(const PickleArgument& a) { push(global("copyreg", "extension_" + std::to_string(a.number))); }
    void reduce(const PickleArgument&) {
        const Entry arguments = pop(), callable = pop();
        push_object(callable.id, arguments.id, callable.start);
    }
    void new_object_with_keywords(const PickleArgument&) {
        pop();  // keyword arguments say nothing that is needed
        const Entry arguments = pop(), callable = pop();
        push_object(callable.id, arguments.id, callable.start);
    }
    void object_of_marked(const PickleArgument&) {
        auto items = ids(pop_to_mark());
        if (items.empty()) fail("an object has no class");
        const uint64_t start = start_;
        const PickleId callable = items.front();
        items.erase(items.begin());
        const PickleId arguments = add(PickleKind::tuple);
        graph()[arguments].items = std::move(items);
        push_object(callable, arguments, start);
    }
    void instance(const PickleArgument& a) {
        auto items = ids(pop_to_mark());
        const uint64_t start = start_;
        const PickleId arguments = add(PickleKind::tuple);
        graph()[arguments].items = std::move(items);
        push_object(global(a.text, a.second), arguments, start);
    }
    void build(const PickleArgument&) {
        const PickleId state = pop().id, target = top().id;
        if (graph().kind(target) == PickleKind::object) graph()[target].items[2] = state;
    }
    void persistent(const PickleArgument&) {
        const Entry id = pop();
        push_items(PickleKind::persistent, {id.id}, id.start);
        if (last_tuple_.id != id.id) return;
        last_tuple_.id = stack_.back().id;
        last_tuple_.end = next_;
        result_.sites.push_back(std::exchange(last_tuple_, {}));
    }
    void persistent_line(const PickleArgument& a) {
        const PickleId id = add_text(PickleKind::text, a.text);
        push_items(PickleKind::persistent, {id}, at_);
    }
    void protocol(const PickleArgument& a) {
        if (a.number > 5) fail("its protocol " + std::to_string(a.number) + " is not known");
    }
    void frame(const PickleArgument&) { result_.frames.push_back(at_); }
    void buffer(const PickleArgument&) { fail("a part of it lies outside the file"); }

    std::string_view bytes_;
    const std::string& where_;
    PickleResult result_;
    const Opcode* now_ = nullptr;
    uint64_t at_ = 0, next_ = 0, start_ = 0;
    bool stopped_ = false;
    PickleId true_ = 0, false_ = 0, empty_tuple_ = 0;
    std::vector<Entry> stack_;
    std::vector<Mark> marks_;
    std::unordered_map<uint64_t, PickleId> memo_;
    std::unordered_map<std::string_view, PickleId> globals_;
    PersistentSite last_tuple_;
};

}  // namespace lacuna
