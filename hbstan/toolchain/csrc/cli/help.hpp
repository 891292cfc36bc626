#ifndef HBSTAN_CLI_HELP_HPP
#define HBSTAN_CLI_HELP_HPP

#include "cli/argument.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace hbstan {

/** The short guide: methods and top-level arguments. */
void print_usage(const argument& root, const std::string& program,
                 std::ostream& out);

/** Help on one argument and its children; `everything`: on all descendants. */
void print_help(const argument& node, bool everything, std::ostream& out);

/** Every command line prefix under which an argument of that name is legal. */
std::vector<std::string> places_of(const argument& root,
                                   const std::string& name);

}  // namespace hbstan
#endif
