#ifndef HBSTAN_CLI_PARSER_HPP
#define HBSTAN_CLI_PARSER_HPP

#include "cli/argument.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace hbstan {

/** What the command line asks for. */
enum class request { run, help };

/**
 * Parse the command line into a tree.
 *
 * Words are matched against the innermost open list of arguments first, then
 * against the lists around it, as CmdStan does: `algorithm=hmc max_depth=8
 * thin=2` works although thin is no argument of hmc.
 *
 * @param words the command line without the program's name
 * @param root the argument tree; filled in
 * @param program the program's name, for help
 * @param out where help and messages go
 * @throw usage_error after all mistakes were reported on `out`
 */
request parse(const std::vector<std::string>& words, argument& root,
              const std::string& program, std::ostream& out);

}  // namespace hbstan
#endif
