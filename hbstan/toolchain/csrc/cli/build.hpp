#ifndef HBSTAN_CLI_BUILD_HPP
#define HBSTAN_CLI_BUILD_HPP

#include "cli/argument.hpp"

#include <string>
#include <utility>
#include <vector>

// Builders of argument nodes: they let the tree be written down as a table.
namespace hbstan {

/** A set of legal numbers and its spelling; NAME stands for the argument. */
struct range {
  std::string text;
  std::function<bool(double)> contains;
};

inline range positive() {
  return {"0 < NAME", [](double x) { return x > 0; }};
}
inline range non_negative() {
  return {"0 <= NAME", [](double x) { return x >= 0; }};
}
inline range count() {
  return {"0 < NAME <= 2147483647",
          [](double x) { return x > 0 && x <= 2147483647.0; }};
}
inline range count_or_zero() {
  return {"0 <= NAME <= 2147483647",
          [](double x) { return x >= 0 && x <= 2147483647.0; }};
}
inline range open_unit() {
  return {"0 < NAME < 1", [](double x) { return x > 0 && x < 1; }};
}
inline range closed_unit() {
  return {"0 <= NAME <= 1", [](double x) { return x >= 0 && x <= 1; }};
}

inline std::string with_name(std::string text, const std::string& name) {
  for (auto at = text.find("NAME"); at != std::string::npos;
       at = text.find("NAME"))
    text.replace(at, 4, name);
  return text;
}

inline argument group(std::string name, std::string description,
                      std::vector<argument> children = {}) {
  argument node;
  node.name = std::move(name);
  node.description = std::move(description);
  node.children = std::move(children);
  return node;
}

inline argument leaf(kind type, std::string name, std::string description,
                     std::string standard, std::string legal) {
  argument node;
  node.type = type;
  node.name = std::move(name);
  node.description = std::move(description);
  node.value = node.default_value = std::move(standard);
  node.legal = with_name(std::move(legal), node.name);
  return node;
}

inline argument flag(std::string name, std::string description, bool standard) {
  return leaf(kind::boolean, std::move(name), std::move(description),
              standard ? "true" : "false", "0, 1, false, true");
}

inline argument integer(std::string name, std::string description,
                        std::string standard, const range& legal) {
  auto node = leaf(kind::integer, std::move(name), std::move(description),
                   std::move(standard), legal.text);
  node.is_legal = legal.contains;
  return node;
}

inline argument real(std::string name, std::string description,
                     std::string standard, const range& legal) {
  auto node = leaf(kind::real, std::move(name), std::move(description),
                   std::move(standard), legal.text);
  node.is_legal = legal.contains;
  return node;
}

inline argument text(std::string name, std::string description,
                     std::string standard, std::string legal) {
  return leaf(kind::text, std::move(name), std::move(description),
              std::move(standard), std::move(legal));
}

/** The first alternative is not the default: `standard` is. */
inline argument choice(std::string name, std::string description,
                       std::string standard,
                       std::vector<argument> alternatives) {
  std::string legal;
  for (const auto& alternative : alternatives)
    legal += (legal.empty() ? "" : ", ") + alternative.name;
  auto node = leaf(kind::choice, std::move(name), std::move(description),
                   std::move(standard), legal);
  node.children = std::move(alternatives);
  return node;
}

}  // namespace hbstan
#endif
