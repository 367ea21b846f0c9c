#include "engine/formats/pickle_reader.h"

#include <bit>
#include <charconv>
#include <utility>

#include "engine/base/error.h"
#include "engine/formats/pickle_text.h"

namespace lacuna {
namespace {

constexpr size_t node_limit = size_t(1) << 23;  // far more than any checkpoint's objects

/// What follows an opcode in the pickle.
enum class Takes : uint8_t { nothing, uint1, uint2, int4, uint4, uint8, float8, line, two_lines, text1, text4, text8 };

struct Argument {
    int64_t number = 0;
    double real = 0;
    std::string_view text, second;
};

class Machine {
  public:
    Machine(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {
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
        Takes takes;
        void (Machine::*run)(const Argument&);
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
        if (graph().size() >= node_limit) fail("it holds more objects than any checkpoint");
        return graph().add(kind);
    }
    PickleId add_text(PickleKind kind, std::string_view text) {
        if (text.size() > UINT32_MAX) fail("a text is too long");
        if (graph().size() >= node_limit) fail("it holds more objects than any checkpoint");
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
    Argument argument(Takes takes);

    // --- the stack
    void push(PickleId id, uint64_t start) {
        if (stack_.size() >= node_limit) fail("its stack is too high");
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
        if (memo_.size() >= node_limit) fail("it remembers more than any checkpoint");
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
    void mark(const Argument&) {
        if (marks_.size() >= node_limit) fail("its stack is too high");
        marks_.push_back({stack_.size(), at_});
    }
    void stop(const Argument&) {
        graph().root = pop().id;
        stopped_ = true;
    }
    void drop(const Argument&) {
        if (stack_.size() == floor() && !marks_.empty())
            marks_.pop_back();
        else
            pop();
    }
    void drop_to_mark(const Argument&) { pop_to_mark(); }
    void duplicate(const Argument&) { push(top().id); }
    void none(const Argument&) { push(PickleGraph::none); }
    void yes(const Argument&) { push(true_); }
    void no(const Argument&) { push(false_); }
    void integer(const Argument& a) { push_integer(a.number); }
    void real(const Argument& a) { push_real(a.real); }
    void integer_line(const Argument& a);
    void real_line(const Argument& a);
    void long_integer(const Argument& a);
    void text(const Argument& a) { push(add_text(PickleKind::text, a.text)); }
    void bytes(const Argument& a) { push(add_text(PickleKind::bytes, a.text)); }
    void quoted_line(const Argument& a) {
        auto decoded = unquote_python(a.text);
        if (!decoded) fail("a text is broken");
        push(add_text(PickleKind::text, graph().keep(std::move(*decoded))));
    }
    void unicode_line(const Argument& a) {
        auto decoded = decode_raw_unicode(a.text);
        if (!decoded) fail("a text is broken");
        push(add_text(PickleKind::text, graph().keep(std::move(*decoded))));
    }
    void empty_list(const Argument&) { push(add(PickleKind::list)); }
    void empty_dict(const Argument&) { push(add(PickleKind::dict)); }
    void empty_set(const Argument&) { push(add(PickleKind::set)); }
    void empty_tuple(const Argument&) { push(empty_tuple_); }
    void tuple(const Argument&) {
        const auto entries = pop_to_mark();
        push_tuple(entries, start_);
    }
    void tuple_of(size_t count) {
        std::vector<Entry> entries(count);
        for (size_t i = count; i-- > 0;) entries[i] = pop();
        push_tuple(entries, entries.front().start);
    }
    void tuple1(const Argument&) { tuple_of(1); }
    void tuple2(const Argument&) { tuple_of(2); }
    void tuple3(const Argument&) { tuple_of(3); }
    void list(const Argument&) {
        auto items = ids(pop_to_mark());
        push_items(PickleKind::list, std::move(items), start_);
    }
    void dict(const Argument&) {
        auto items = ids(pop_to_mark());
        if (items.size() % 2) fail("a key has no value");
        push_items(PickleKind::dict, std::move(items), start_);
    }
    void frozen_set(const Argument&) {
        auto items = ids(pop_to_mark());
        push_items(PickleKind::set, std::move(items), start_);
    }
    void append_one(const Argument&) {
        const PickleId item = pop().id;
        append(top().id, PickleKind::list, 4, {item});
    }
    void append_many(const Argument&) {
        const auto items = ids(pop_to_mark());
        append(top().id, PickleKind::list, 4, items);
    }
    void add_to_set(const Argument&) {
        const auto items = ids(pop_to_mark());
        append(top().id, PickleKind::set, 4, items);
    }
    void set_item(const Argument&) {
        const PickleId value = pop().id, key = pop().id;
        set_pairs({key, value});
    }
    void set_items(const Argument&) { set_pairs(ids(pop_to_mark())); }
    void get_line(const Argument& a) { recall(number_of(a.text)); }
    void get(const Argument& a) { recall(uint64_t(a.number)); }
    void put_line(const Argument& a) { memoize(number_of(a.text)); }
    void put(const Argument& a) { memoize(uint64_t(a.number)); }
    void put_next(const Argument&) { memoize(memo_.size()); }
    void named(const Argument& a) { push(global(a.text, a.second)); }
    void named_by_stack(const Argument&) {
        const Entry name = pop(), module = pop();
        if (graph().kind(name.id) != PickleKind::text || graph().kind(module.id) != PickleKind::text)
            fail("the name of a class is no text");
        push(global(graph().text(module.id), graph().text(name.id)), module.start);
    }
    void extension(const Argument& a) { push(global("copyreg", "extension_" + std::to_string(a.number))); }
    void reduce(const Argument&) {
        const Entry arguments = pop(), callable = pop();
        push_object(callable.id, arguments.id, callable.start);
    }
    void new_object_with_keywords(const Argument&) {
        pop();  // keyword arguments say nothing that is needed
        const Entry arguments = pop(), callable = pop();
        push_object(callable.id, arguments.id, callable.start);
    }
    void object_of_marked(const Argument&) {
        auto items = ids(pop_to_mark());
        if (items.empty()) fail("an object has no class");
        const uint64_t start = start_;
        const PickleId callable = items.front();
        items.erase(items.begin());
        const PickleId arguments = add(PickleKind::tuple);
        graph()[arguments].items = std::move(items);
        push_object(callable, arguments, start);
    }
    void instance(const Argument& a) {
        auto items = ids(pop_to_mark());
        const uint64_t start = start_;
        const PickleId arguments = add(PickleKind::tuple);
        graph()[arguments].items = std::move(items);
        push_object(global(a.text, a.second), arguments, start);
    }
    void build(const Argument&) {
        const PickleId state = pop().id, target = top().id;
        if (graph().kind(target) == PickleKind::object) graph()[target].items[2] = state;
    }
    void persistent(const Argument&) {
        const Entry id = pop();
        push_items(PickleKind::persistent, {id.id}, id.start);
        if (last_tuple_.id != id.id) return;
        last_tuple_.id = stack_.back().id;
        last_tuple_.end = next_;
        result_.sites.push_back(std::exchange(last_tuple_, {}));
    }
    void persistent_line(const Argument& a) {
        const PickleId id = add_text(PickleKind::text, a.text);
        push_items(PickleKind::persistent, {id}, at_);
    }
    void protocol(const Argument& a) {
        if (a.number > 5) fail("its protocol " + std::to_string(a.number) + " is not known");
    }
    void frame(const Argument&) { result_.frames.push_back(at_); }
    void buffer(const Argument&) { fail("a part of it lies outside the file"); }

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

using M = Machine;
using T = Takes;

const Machine::Opcode Machine::opcodes[] = {
    {'(', "MARK", T::nothing, &M::mark},
    {'.', "STOP", T::nothing, &M::stop},
    {'0', "POP", T::nothing, &M::drop},
    {'1', "POP_MARK", T::nothing, &M::drop_to_mark},
    {'2', "DUP", T::nothing, &M::duplicate},
    {'F', "FLOAT", T::line, &M::real_line},
    {'I', "INT", T::line, &M::integer_line},
    {'J', "BININT", T::int4, &M::integer},
    {'K', "BININT1", T::uint1, &M::integer},
    {'L', "LONG", T::line, &M::integer_line},
    {'M', "BININT2", T::uint2, &M::integer},
    {'N', "NONE", T::nothing, &M::none},
    {'P', "PERSID", T::line, &M::persistent_line},
    {'Q', "BINPERSID", T::nothing, &M::persistent},
    {'R', "REDUCE", T::nothing, &M::reduce},
    {'S', "STRING", T::line, &M::quoted_line},
    {'T', "BINSTRING", T::text4, &M::text},
    {'U', "SHORT_BINSTRING", T::text1, &M::text},
    {'V', "UNICODE", T::line, &M::unicode_line},
    {'X', "BINUNICODE", T::text4, &M::text},
    {'a', "APPEND", T::nothing, &M::append_one},
    {'b', "BUILD", T::nothing, &M::build},
    {'c', "GLOBAL", T::two_lines, &M::named},
    {'d', "DICT", T::nothing, &M::dict},
    {'}', "EMPTY_DICT", T::nothing, &M::empty_dict},
    {'e', "APPENDS", T::nothing, &M::append_many},
    {'g', "GET", T::line, &M::get_line},
    {'h', "BINGET", T::uint1, &M::get},
    {'i', "INST", T::two_lines, &M::instance},
    {'j', "LONG_BINGET", T::uint4, &M::get},
    {'l', "LIST", T::nothing, &M::list},
    {']', "EMPTY_LIST", T::nothing, &M::empty_list},
    {'o', "OBJ", T::nothing, &M::object_of_marked},
    {'p', "PUT", T::line, &M::put_line},
    {'q', "BINPUT", T::uint1, &M::put},
    {'r', "LONG_BINPUT", T::uint4, &M::put},
    {'s', "SETITEM", T::nothing, &M::set_item},
    {'t', "TUPLE", T::nothing, &M::tuple},
    {')', "EMPTY_TUPLE", T::nothing, &M::empty_tuple},
    {'u', "SETITEMS", T::nothing, &M::set_items},
    {'G', "BINFLOAT", T::float8, &M::real},
    {'B', "BINBYTES", T::text4, &M::bytes},
    {'C', "SHORT_BINBYTES", T::text1, &M::bytes},
    {'\x80', "PROTO", T::uint1, &M::protocol},
    {'\x81', "NEWOBJ", T::nothing, &M::reduce},
    {'\x82', "EXT1", T::uint1, &M::extension},
    {'\x83', "EXT2", T::uint2, &M::extension},
    {'\x84', "EXT4", T::int4, &M::extension},
    {'\x85', "TUPLE1", T::nothing, &M::tuple1},
    {'\x86', "TUPLE2", T::nothing, &M::tuple2},
    {'\x87', "TUPLE3", T::nothing, &M::tuple3},
    {'\x88', "NEWTRUE", T::nothing, &M::yes},
    {'\x89', "NEWFALSE", T::nothing, &M::no},
    {'\x8a', "LONG1", T::text1, &M::long_integer},
    {'\x8b', "LONG4", T::text4, &M::long_integer},
    {'\x8c', "SHORT_BINUNICODE", T::text1, &M::text},
    {'\x8d', "BINUNICODE8", T::text8, &M::text},
    {'\x8e', "BINBYTES8", T::text8, &M::bytes},
    {'\x8f', "EMPTY_SET", T::nothing, &M::empty_set},
    {'\x90', "ADDITEMS", T::nothing, &M::add_to_set},
    {'\x91', "FROZENSET", T::nothing, &M::frozen_set},
    {'\x92', "NEWOBJ_EX", T::nothing, &M::new_object_with_keywords},
    {'\x93', "STACK_GLOBAL", T::nothing, &M::named_by_stack},
    {'\x94', "MEMOIZE", T::nothing, &M::put_next},
    {'\x95', "FRAME", T::uint8, &M::frame},
    {'\x96', "BYTEARRAY8", T::text8, &M::bytes},
    {'\x97', "NEXT_BUFFER", T::nothing, &M::buffer},
    {'\x98', "READONLY_BUFFER", T::nothing, &M::buffer},
};

std::array<const Machine::Opcode*, 256> Machine::opcode_table() {
    std::array<const Opcode*, 256> table{};
    for (const Opcode& opcode : opcodes) table[uint8_t(opcode.code)] = &opcode;
    return table;
}

Argument Machine::argument(Takes takes) {
    Argument a;
    switch (takes) {
        case T::nothing:
            break;
        case T::uint1:
            a.number = int64_t(take_number(1));
            break;
        case T::uint2:
            a.number = int64_t(take_number(2));
            break;
        case T::int4:
            a.number = int32_t(uint32_t(take_number(4)));
            break;
        case T::uint4:
            a.number = int64_t(take_number(4));
            break;
        case T::uint8:
            a.number = int64_t(take_number(8));
            break;
        case T::float8: {
            uint64_t bits = 0;
            for (const char byte : take(8)) bits = bits << 8 | uint8_t(byte);
            a.real = std::bit_cast<double>(bits);
            break;
        }
        case T::line:
            a.text = take_line();
            break;
        case T::two_lines:
            a.text = take_line();
            a.second = take_line();
            break;
        case T::text1:
            a.text = take(take_number(1));
            break;
        case T::text4:
            a.text = take(take_number(4));
            break;
        case T::text8:
            a.text = take(take_number(8));
            break;
    }
    return a;
}

void Machine::integer_line(const Argument& a) {
    std::string_view digits = a.text;
    if (digits == "00") return push(false_);
    if (digits == "01") return push(true_);
    if (digits.ends_with('L')) digits.remove_suffix(1);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc::result_out_of_range) return push(add_text(PickleKind::big_integer, digits));
    if (error != std::errc() || end != digits.data() + digits.size()) fail("a number is broken");
    push_integer(value);
}

void Machine::real_line(const Argument& a) {
    double value = 0;
    const auto [end, error] = std::from_chars(a.text.data(), a.text.data() + a.text.size(), value);
    if (error != std::errc() || end != a.text.data() + a.text.size()) fail("a number is broken");
    push_real(value);
}

void Machine::long_integer(const Argument& a) {
    if (a.text.size() > 8) return push(add_text(PickleKind::big_integer, a.text));
    uint64_t value = !a.text.empty() && uint8_t(a.text.back()) & 0x80 ? ~uint64_t(0) : 0;
    for (size_t i = a.text.size(); i-- > 0;) value = value << 8 | uint8_t(a.text[i]);
    push_integer(int64_t(value));
}

PickleResult Machine::run() {
    static const auto table = opcode_table();
    while (!stopped_) {
        at_ = next_;
        now_ = nullptr;
        now_ = table[uint8_t(take(1).front())];
        if (!now_) fail("there is no such opcode");
        (this->*now_->run)(argument(now_->takes));
    }
    result_.size = next_;
    return std::move(result_);
}

}  // namespace

PickleResult read_pickle(std::string_view bytes, const std::string& where) {
    return Machine(bytes, where).run();
}

}  // namespace lacuna
