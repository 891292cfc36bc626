#ifndef HBSTAN_CLI_DISPLAY_HPP
#define HBSTAN_CLI_DISPLAY_HPP

#include "cli/argument.hpp"

#include <string>
#include <vector>

namespace hbstan {

/** A value as CmdStan prints it: reals with six significant digits. */
std::string value_text(const argument& node);
std::string default_text(const argument& node);

/**
 * The tree's current configuration, one line per argument, as it appears in
 * CSV comments and on the console: "    thin = 1 (Default)".
 */
std::vector<std::string> configuration_lines(const argument& root);

}  // namespace hbstan
#endif
