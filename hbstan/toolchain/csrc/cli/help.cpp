#include "cli/help.hpp"

#include "cli/display.hpp"

#include <iomanip>

namespace hbstan {
namespace {

const char* type_name(kind type) {
  switch (type) {
    case kind::choice:
      return "=<list element>";
    case kind::boolean:
      return "=<boolean>";
    case kind::integer:
      return "=<int>";
    case kind::real:
      return "=<double>";
    case kind::text:
      return "=<string>";
    case kind::group:
      break;
  }
  return "";
}

std::string children_names(const argument& node) {
  std::string names;
  for (const auto& child : node.children)
    names += (names.empty() ? "" : ", ") + child.name;
  return names;
}

void describe(const argument& node, int indent, bool everything,
              std::ostream& out) {
  const std::string margin(indent, ' ');
  out << margin << node.name << type_name(node.type) << "\n"
      << margin << "  " << node.description << "\n";
  if (node.type == kind::group) {
    if (!node.children.empty())
      out << margin << "  Valid subarguments: " << children_names(node) << "\n";
  } else {
    out << margin << "  Valid values: " << node.legal << "\n"
        << margin << "  Defaults to "
        << (node.default_value.empty() ? "\"\"" : default_text(node)) << "\n";
  }
  out << "\n";
  if (everything)
    for (const auto& child : node.children)
      describe(child, indent + 2, everything, out);
}

void list_place(const argument& node, const std::string& prefix,
                const std::string& name, std::vector<std::string>& places) {
  for (const auto& child : node.children) {
    const std::string here = prefix.empty() ? "" : prefix + " ";
    // An alternative is reached through its choice: method=sample.
    const std::string place = node.type == kind::choice
                                  ? prefix + "=" + child.name
                                  : here + child.name;
    if (child.name == name)
      places.push_back(place);
    list_place(child, place, name, places);
  }
}

}  // namespace

void print_help(const argument& node, bool everything, std::ostream& out) {
  if (node.name.empty()) {
    for (const auto& child : node.children)
      describe(child, 2, everything, out);
    return;
  }
  const bool chosen = node.type == kind::choice;
  describe(chosen ? *node.child(node.value) : node, 0, everything, out);
}

void print_usage(const argument& root, const std::string& program,
                 std::ostream& out) {
  const auto line = [&out](const std::string& name, const std::string& what) {
    out << "  " << std::left << std::setw(21) << name << what << "\n";
  };
  out << "Usage: " << program
      << " <arg1> <subarg1_1> ... <subarg1_m> ... <arg_n> <subarg_n_1> ... "
         "<subarg_n_m>\n\nBegin by selecting one of these methods,\n";
  for (const auto& method : root.child("method")->children)
    line(method.name, method.description);
  out << "\nor ask for help,\n";
  line("help", "Prints help");
  line("help-all", "Prints the whole argument tree");
  line("info", "Prints versions and compile options");
  out << "\nFurther arguments of every method:\n";
  for (const auto& child : root.children)
    if (child.name != "method")
      line(child.name, child.description);
  out << "\nSee " << program
      << " <arg1> [ help | help-all ] for details on individual arguments.\n\n";
}

std::vector<std::string> places_of(const argument& root,
                                   const std::string& name) {
  std::vector<std::string> places;
  list_place(root, "", name, places);
  return places;
}

}  // namespace hbstan
