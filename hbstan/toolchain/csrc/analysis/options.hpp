#ifndef HBSTAN_ANALYSIS_OPTIONS_HPP
#define HBSTAN_ANALYSIS_OPTIONS_HPP

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {

/** A command line that does not follow the program's usage. */
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/** An option as declared: `--name VALUE...`, `--name=VALUE` or `-n VALUE`. */
struct OptionSpec {
  std::string name;
  char letter;
  bool takes_value;
};

/** A command line taken apart. */
struct CommandLine {
  /** Values by long name, in the order given; flags have one empty value. */
  std::map<std::string, std::vector<std::string>> options;
  std::vector<std::string> files;

  bool has(const std::string& name) const { return options.count(name) > 0; }
  /** The last value given, or the fallback. */
  std::string value(const std::string& name, const std::string& fallback) const;
};

/** @throws UsageError for unknown options and missing or surplus values */
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<OptionSpec>& specs);

/** @throws UsageError naming the option, the value and the legal range */
int parse_integer(const std::string& option, const std::string& text, int low,
                  int high);

/**
 * Percentiles as written on the command line, blanks removed: ascending
 * numbers strictly between 0 and 100, separated by commas.
 *
 * @throws UsageError
 */
std::vector<std::string> parse_percentiles(const std::string& text);

}  // namespace analysis
}  // namespace hbstan

#endif
