#include "engine/formats/pickle_reader.h"

#include <bit>

#include "engine/formats/pickle_machine.h"

namespace lacuna {

using M = PickleMachine;
using T = PickleTakes;

const PickleMachine::Opcode PickleMachine::opcodes[] = {
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

std::array<const PickleMachine::Opcode*, 256> PickleMachine::opcode_table() {
    std::array<const Opcode*, 256> table{};
    for (const Opcode& opcode : opcodes) table[uint8_t(opcode.code)] = &opcode;
    return table;
}

PickleArgument PickleMachine::argument(PickleTakes takes) {
    PickleArgument a;
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

void PickleMachine::integer_line(const PickleArgument& a) {
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

void PickleMachine::real_line(const PickleArgument& a) {
    double value = 0;
    const auto [end, error] = std::from_chars(a.text.data(), a.text.data() + a.text.size(), value);
    if (error != std::errc() || end != a.text.data() + a.text.size()) fail("a number is broken");
    push_real(value);
}

void PickleMachine::long_integer(const PickleArgument& a) {
    if (a.text.size() > 8) return push(add_text(PickleKind::big_integer, a.text));
    uint64_t value = !a.text.empty() && uint8_t(a.text.back()) & 0x80 ? ~uint64_t(0) : 0;
    for (size_t i = a.text.size(); i-- > 0;) value = value << 8 | uint8_t(a.text[i]);
    push_integer(int64_t(value));
}

PickleResult PickleMachine::run() {
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

PickleResult read_pickle(std::string_view bytes, const std::string& where) {
    return PickleMachine(bytes, where).run();
}

}  // namespace lacuna
