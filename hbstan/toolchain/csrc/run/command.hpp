#ifndef HBSTAN_RUN_COMMAND_HPP
#define HBSTAN_RUN_COMMAND_HPP

#include <string>
#include <vector>

namespace hbstan {

/**
 * Run the command line: parse it, read the data, make the model, run the
 * method.
 *
 * @param words the command line, with the program's name first
 * @return exit code
 * @throw usage_error, input_error, output_error, or what the model throws
 */
int run_command(const std::vector<std::string>& words);

}  // namespace hbstan
#endif
