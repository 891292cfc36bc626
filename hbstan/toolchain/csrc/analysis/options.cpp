#include "options.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <sstream>

namespace hbstan {
namespace analysis {
namespace {

const OptionSpec& find_spec(const std::vector<OptionSpec>& specs,
                            const std::string& argument,
                            const std::string& name) {
  const bool is_long = argument.compare(0, 2, "--") == 0;
  for (const OptionSpec& spec : specs)
    if (is_long ? spec.name == name : name == std::string(1, spec.letter))
      return spec;
  throw UsageError("unknown option '" + argument + "'; see --help");
}

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-';
}

}  // namespace

std::string CommandLine::value(const std::string& name,
                               const std::string& fallback) const {
  const auto at = options.find(name);
  return at == options.end() ? fallback : at->second.back();
}

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<OptionSpec>& specs) {
  CommandLine result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!is_option(argument)) {
      result.files.push_back(argument);
      continue;
    }
    const auto equal = argument.find('=');
    const auto dashes = argument.find_first_not_of('-');
    if (dashes == std::string::npos)
      throw UsageError("unknown option '" + argument + "'; see --help");
    const std::string name = argument.substr(
        dashes, equal == std::string::npos ? equal : equal - dashes);
    const OptionSpec& spec = find_spec(specs, argument, name);
    std::string value;
    if (equal != std::string::npos) {
      if (!spec.takes_value)
        throw UsageError("option --" + spec.name + " takes no value");
      value = argument.substr(equal + 1);
    } else if (spec.takes_value) {
      if (i + 1 == arguments.size())
        throw UsageError("option --" + spec.name + " needs a value");
      value = arguments[++i];
    }
    result.options[spec.name].push_back(value);
  }
  return result;
}

int parse_integer(const std::string& option, const std::string& text, int low,
                  int high) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < low || value > high)
    throw UsageError("option --" + option + ": expected an integer from "
                     + std::to_string(low) + " to " + std::to_string(high)
                     + ", found '" + text + "'");
  return static_cast<int>(value);
}

std::vector<std::string> parse_percentiles(const std::string& text) {
  std::string compact;
  std::copy_if(text.begin(), text.end(), std::back_inserter(compact),
               [](unsigned char c) { return !std::isspace(c); });
  std::vector<std::string> result;
  double previous = 0;
  std::stringstream stream(compact);
  for (std::string item; std::getline(stream, item, ',');) {
    char* end = nullptr;
    const double value = std::strtod(item.c_str(), &end);
    if (item.empty() || *end != '\0' || !(value > previous) || !(value < 100))
      throw UsageError(
          "option --percentiles: expected ascending numbers strictly between "
          "0 and 100, separated by commas; found '" + text + "'");
    result.push_back(item);
    previous = value;
  }
  if (result.empty())
    throw UsageError("option --percentiles: the list is empty");
  return result;
}

}  // namespace analysis
}  // namespace hbstan
