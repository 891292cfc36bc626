#include "cli/parser.hpp"

#include "cli/help.hpp"
#include "errors.hpp"

namespace hbstan {
namespace {

struct word {
  explicit word(const std::string& text) {
    const auto equals = text.find('=');
    has_value = equals != std::string::npos;
    name = text.substr(0, equals);
    if (has_value)
      value = text.substr(equals + 1);
  }
  std::string name;
  std::string value;
  bool has_value = false;
};

argument* find(std::vector<argument>& nodes, const std::string& name) {
  for (auto& node : nodes)
    if (node.name == name)
      return &node;
  return nullptr;
}

class reader {
 public:
  reader(const std::vector<std::string>& words, argument& root,
         const std::string& program, std::ostream& out)
      : words_(words), root_(root), program_(program), out_(out) {}

  request read() {
    while (position_ < words_.size() && !help_shown_) {
      read_list(root_);
      if (position_ < words_.size() && !help_shown_)
        reject_word();
    }
    if (help_shown_)
      return request::help;
    if (!method_given_)
      complain("A method must be specified!");
    if (mistakes_ > 0)
      throw usage_error("Failed to parse command arguments, cannot run model.");
    return request::run;
  }

 private:
  // Reads words as long as they belong to this node.
  void read_list(argument& node) {
    while (position_ < words_.size() && !help_shown_) {
      const word current(words_[position_]);
      if (current.name == "help" || current.name == "help-all") {
        show_help(node, current.name == "help-all");
        return;
      }
      if (&node == &root_ && read_bare_method(current))
        continue;
      argument* child = find(node.active_children(), current.name);
      if (child == nullptr
          || (child->type == kind::group) == current.has_value)
        return;
      ++position_;
      take_value(*child, current);
      method_given_ = method_given_ || child->name == "method";
      if (child->type == kind::group || child->type == kind::choice)
        read_list(*child);
    }
  }

  // `sample` is short for `method=sample`.
  bool read_bare_method(const word& current) {
    argument& method = *root_.child("method");
    if (current.has_value || !assign(method, current.name))
      return false;
    ++position_;
    method_given_ = true;
    read_list(method);
    return true;
  }

  void take_value(argument& child, const word& current) {
    if (child.type == kind::group || assign(child, current.value))
      return;
    complain(current.value + " is not a valid value for \"" + child.name
             + "\"\n  Valid values: " + child.legal);
  }

  void reject_word() {
    const word current(words_[position_]);
    std::string message
        = words_[position_] + " is either mistyped or misplaced.";
    const auto places = places_of(root_, current.name);
    if (!places.empty())
      message += "\nPerhaps you meant one of the following valid "
                 "configurations?";
    for (const auto& place : places)
      message += "\n  " + place;
    complain(message);
    ++position_;
  }

  void show_help(const argument& node, bool everything) {
    if (&node != &root_)
      print_help(node, everything, out_);
    else if (everything)
      print_help(root_, true, out_);
    print_usage(root_, program_, out_);
    help_shown_ = true;
  }

  void complain(const std::string& message) {
    out_ << message << "\n";
    ++mistakes_;
  }

  const std::vector<std::string>& words_;
  argument& root_;
  const std::string& program_;
  std::ostream& out_;
  std::size_t position_ = 0;
  int mistakes_ = 0;
  bool method_given_ = false;
  bool help_shown_ = false;
};

}  // namespace

request parse(const std::vector<std::string>& words, argument& root,
              const std::string& program, std::ostream& out) {
  if (words.empty()) {
    print_usage(root, program, out);
    throw usage_error("A method must be specified!");
  }
  return reader(words, root, program, out).read();
}

}  // namespace hbstan
