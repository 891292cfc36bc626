#include "cli/argument.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace hbstan {
namespace {

// The whole text as a number, or false: "1x" and "" are no numbers.
bool parse_real(const std::string& text, double& number) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0])))
    return false;
  char* end = nullptr;
  number = std::strtod(text.c_str(), &end);
  return *end == '\0' && !std::isnan(number);
}

bool parse_integer(const std::string& text, long long& number) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0])))
    return false;
  char* end = nullptr;
  errno = 0;
  number = std::strtoll(text.c_str(), &end, 10);
  return *end == '\0' && errno == 0;
}

bool assign_boolean(argument& node, const std::string& text) {
  const bool yes = text == "1" || text == "true";
  if (!yes && text != "0" && text != "false")
    return false;
  node.value = yes ? "true" : "false";
  return true;
}

bool assign_integer(argument& node, const std::string& text) {
  long long number = 0;
  if (!parse_integer(text, number)
      || (node.is_legal && !node.is_legal(static_cast<double>(number))))
    return false;
  node.value = std::to_string(number);
  return true;
}

// The text is kept as given, unless it is the default spelled differently:
// the number that the run uses must not depend on how it is displayed.
bool assign_real(argument& node, const std::string& text) {
  double number = 0;
  if (!parse_real(text, number) || (node.is_legal && !node.is_legal(number)))
    return false;
  double standard = 0;
  const bool same = parse_real(node.default_value, standard)
                    && number == standard;
  node.value = same ? node.default_value : text;
  return true;
}

}  // namespace

const argument* argument::child(const std::string& child_name) const {
  for (const auto& candidate : children)
    if (candidate.name == child_name)
      return &candidate;
  return nullptr;
}

argument* argument::child(const std::string& child_name) {
  return const_cast<argument*>(std::as_const(*this).child(child_name));
}

const std::vector<argument>& argument::active_children() const {
  // After `algorithm=hmc` the words of hmc follow, not those of its siblings.
  return type == kind::choice ? child(value)->children : children;
}

std::vector<argument>& argument::active_children() {
  return const_cast<std::vector<argument>&>(
      std::as_const(*this).active_children());
}

bool assign(argument& node, const std::string& text) {
  switch (node.type) {
    case kind::group:
      return text.empty();
    case kind::choice:
      if (node.child(text) == nullptr)
        return false;
      node.value = text;
      return true;
    case kind::boolean:
      return assign_boolean(node, text);
    case kind::integer:
      return assign_integer(node, text);
    case kind::real:
      return assign_real(node, text);
    case kind::text:
      node.value = text;
      return true;
  }
  return false;
}

const argument& arguments::at(const std::string& path) const {
  const argument* node = &root_;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '.');) {
    node = node->child(part);
    if (node == nullptr)
      throw std::logic_error("no argument " + path);
  }
  return *node;
}

argument& arguments::at(const std::string& path) {
  return const_cast<argument&>(std::as_const(*this).at(path));
}

const std::string& arguments::text(const std::string& path) const {
  return at(path).value;
}

bool arguments::flag(const std::string& path) const {
  return at(path).value == "true";
}

long long arguments::integer(const std::string& path) const {
  return std::strtoll(at(path).value.c_str(), nullptr, 10);
}

double arguments::real(const std::string& path) const {
  return std::strtod(at(path).value.c_str(), nullptr);
}

}  // namespace hbstan
