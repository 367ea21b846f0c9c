#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/base/error.h"

namespace lacuna {

/// Base of readers that take JSON as a stream of events, so that order is kept and a name that comes twice is noticed.
/// A reader overrides what it understands; everything else is passed over. `path` holds the keys that lead to the value
/// at hand ("" for an element of an array).
class JsonReader : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit JsonReader(std::string where) : where_(std::move(where)) {}

    /// Reads `text` as a whole. Throws Error(format) where it is no JSON object.
    void read(const char* begin, const char* end) {
        nlohmann::json::sax_parse(begin, end, this);
        if (!was_object_) fail("the JSON is not an object");
    }

    bool null() override { return scalar(); }
    bool boolean(bool) override { return scalar(); }
    bool number_integer(number_integer_t value) override {
        if (value < 0) return scalar();
        on_number(uint64_t(value));
        return true;
    }
    bool number_unsigned(number_unsigned_t value) override {
        on_number(value);
        return true;
    }
    bool number_float(number_float_t, const string_t&) override { return scalar(); }
    bool string(string_t& value) override {
        on_string(value);
        return true;
    }
    bool binary(binary_t&) override { return scalar(); }
    bool start_object(std::size_t) override {
        if (levels_.empty()) was_object_ = true;
        if (levels_.size() >= max_depth) fail("the JSON is nested too deeply");
        on_start(false);
        levels_.push_back({false, {}});
        path_.emplace_back();
        return true;
    }
    bool key(string_t& name) override {
        if (!levels_.back().keys.insert(name).second) fail("the name " + name + " comes twice");
        path_.back() = name;
        return true;
    }
    bool end_object() override { return leave(); }
    bool start_array(std::size_t) override {
        if (levels_.size() >= max_depth) fail("the JSON is nested too deeply");
        on_start(true);
        levels_.push_back({true, {}});
        path_.emplace_back();
        return true;
    }
    bool end_array() override { return leave(); }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        fail("the JSON is damaged at byte " + std::to_string(position));
    }

  protected:
    virtual void on_number(uint64_t) { on_other(); }
    virtual void on_string(const std::string&) { on_other(); }
    virtual void on_other() {}                ///< null, true, false, a negative or broken number
    virtual void on_start(bool /*array*/) {}  ///< `path` leads to the object or array that begins
    virtual void on_end() {}                  ///< `path` leads to the object or array that ended

    const std::vector<std::string>& path() const { return path_; }
    [[noreturn]] void fail(std::string what) const {
        throw Error(ErrorKind::format, where_, std::move(what), "the file is damaged: fetch or save it again");
    }

  private:
    static constexpr size_t max_depth = 64;
    struct Level {
        bool array;
        std::unordered_set<std::string> keys;
    };

    bool scalar() {
        on_other();
        return true;
    }
    bool leave() {
        levels_.pop_back();
        path_.pop_back();
        on_end();
        return true;
    }

    std::string where_;
    std::vector<Level> levels_;
    std::vector<std::string> path_;
    bool was_object_ = false;
};

}  // namespace lacuna
