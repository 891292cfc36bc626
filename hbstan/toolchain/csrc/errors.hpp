#ifndef HBSTAN_ERRORS_HPP
#define HBSTAN_ERRORS_HPP

#include <stdexcept>
#include <string>

namespace hbstan {

/** Bad command line. The messages are already on the console. */
struct usage_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/** An input file is missing, unreadable or not what it should be. */
struct input_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** An output file cannot be opened, or lost what was written to it. */
struct output_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** Process exit codes: CmdStan knows success and failure, nothing between. */
enum exit_code { success = 0, failure = 1 };

}  // namespace hbstan
#endif
