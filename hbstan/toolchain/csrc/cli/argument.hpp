#ifndef HBSTAN_CLI_ARGUMENT_HPP
#define HBSTAN_CLI_ARGUMENT_HPP

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hbstan {

/** What an argument holds. */
enum class kind {
  group,    // a bare word that opens a list of sub-arguments: `adapt`
  choice,   // name=alternative; the alternatives are its children
  boolean,  // 0, 1, false, true
  integer,
  real,
  text
};

/**
 * One node of the command line's argument tree, as plain data.
 *
 * A node knows its name, its help texts, its default and its current value
 * as text, and a predicate for legal numbers. Parsing, printing and look-up
 * are free functions over this structure.
 */
struct argument {
  std::string name;
  std::string description;
  kind type = kind::group;
  std::string value;          // canonical text; "" for a group
  std::string default_value;  // canonical text
  std::string legal;          // the legal range, for messages and help
  std::function<bool(double)> is_legal;
  std::vector<argument> children;

  bool is_default() const { return value == default_value; }

  /** The child of that name, or nullptr. */
  argument* child(const std::string& child_name);
  const argument* child(const std::string& child_name) const;

  /** Nodes whose names may follow on the command line after this one. */
  std::vector<argument>& active_children();
  const std::vector<argument>& active_children() const;
};

/**
 * Set an argument from the command line.
 *
 * @return false if the text is no legal value; the node is then unchanged
 */
bool assign(argument& node, const std::string& text);

/**
 * Read access to a parsed tree by dotted path, e.g.
 * "method.sample.algorithm.hmc.stepsize".
 *
 * A wrong path is a mistake of this program, not of the user: it throws
 * std::logic_error.
 */
class arguments {
 public:
  explicit arguments(argument root) : root_(std::move(root)) {}

  const argument& root() const { return root_; }
  argument& root() { return root_; }

  const argument& at(const std::string& path) const;
  argument& at(const std::string& path);

  const std::string& text(const std::string& path) const;
  bool flag(const std::string& path) const;
  long long integer(const std::string& path) const;
  double real(const std::string& path) const;

 private:
  argument root_;
};

}  // namespace hbstan
#endif
