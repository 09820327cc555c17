#include "core/base/error.hpp"
#include "core/text/jinja_value.hpp"

namespace cogent::text::jinja {
namespace {

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          constexpr char kDigits[] = "0123456789abcdef";
          out += "\\u00";
          out += kDigits[c >> 4];
          out += kDigits[c & 15];
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

// Writes with Python's separators: ", " on one line, "," before a line break.
class JsonWriter {
 public:
  explicit JsonWriter(int indent) : indent_(indent) {}

  void write(const Value& value, int level) {
    if (value.is_none()) {
      out_ += "null";
    } else if (const auto* boolean = value.get_if<bool>()) {
      out_ += *boolean ? "true" : "false";
    } else if (value.is_number()) {
      out_ += to_repr(value);
    } else if (const auto* text = value.as_string()) {
      out_ += json_string(*text);
    } else if (const List* list = value.as_list()) {
      write_list(*list, level);
    } else if (value.is<DictPointer>()) {
      write_dict(*value.as_dict(), level);
    } else {
      fail(ErrorCode::kModel, "the chat template writes a value of type ", value.type_name(),
           " as JSON, which has no such type");
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void break_line(int level) {
    if (indent_ >= 0) {
      out_ += '\n';
      out_.append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(level), ' ');
    }
  }
  void separate(bool first, int level) {
    if (!first) {
      out_ += indent_ >= 0 ? "," : ", ";
    }
    break_line(level);
  }
  void write_list(const List& list, int level) {
    out_ += '[';
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      separate(i == 0, level + 1);
      write(list.items[i], level + 1);
    }
    if (!list.items.empty()) {
      break_line(level);
    }
    out_ += ']';
  }
  void write_dict(const Dict& dict, int level) {
    out_ += '{';
    for (std::size_t i = 0; i < dict.members.size(); ++i) {
      separate(i == 0, level + 1);
      out_ += json_string(dict.members[i].first) + ": ";
      write(dict.members[i].second, level + 1);
    }
    if (!dict.members.empty()) {
      break_line(level);
    }
    out_ += '}';
  }

  int indent_;
  std::string out_;
};

}  // namespace

std::string to_json(const Value& value, int indent) {
  JsonWriter writer(indent);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace cogent::text::jinja
