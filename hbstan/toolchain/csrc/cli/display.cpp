#include "cli/display.hpp"

#include <cstdlib>
#include <sstream>

namespace hbstan {
namespace {

std::string shown(const argument& node, const std::string& value) {
  if (node.type != kind::real)
    return value;
  std::ostringstream text;
  text << std::strtod(value.c_str(), nullptr);
  return text.str();
}

void add_lines(const argument& node, int level,
               std::vector<std::string>& lines) {
  const std::string margin(2 * level, ' ');
  if (node.type == kind::group) {
    lines.push_back(margin + node.name);
    for (const auto& child : node.children)
      add_lines(child, level + 1, lines);
    return;
  }
  lines.push_back(margin + node.name + " = " + value_text(node)
                  + (node.is_default() ? " (Default)" : ""));
  // CmdStan repeats every chosen alternative below its choice, save for the
  // metrics and fixed_param.
  const bool repeated = node.name != "metric" && node.value != "fixed_param";
  if (node.type == kind::choice && repeated)
    add_lines(*node.child(node.value), level + 1, lines);
}

}  // namespace

std::string value_text(const argument& node) { return shown(node, node.value); }

std::string default_text(const argument& node) {
  return shown(node, node.default_value);
}

std::vector<std::string> configuration_lines(const argument& root) {
  std::vector<std::string> lines;
  for (const auto& child : root.children)
    add_lines(child, 0, lines);
  return lines;
}

}  // namespace hbstan
