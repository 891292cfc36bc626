#include "io/values.hpp"

#include "errors.hpp"
#include "io/file_names.hpp"

#include <stan/io/dump.hpp>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>

#include <exception>
#include <fstream>

namespace hbstan {
namespace {

values parse_values(const std::string& suffix, std::istream& in) {
  if (suffix == ".json")
    return std::make_shared<stan::json::json_data>(in);
  return std::make_shared<stan::io::dump>(in);
}

}  // namespace

values no_values() {
  return std::make_shared<stan::io::empty_var_context>();
}

values read_values(const std::string& path, const std::string& role) {
  if (path.empty())
    return no_values();
  const std::string suffix = split_name(path).suffix;
  if (suffix != ".json" && suffix != ".R")
    throw input_error("Error: " + role + " '" + path
                      + "' must end in .json or .R.");
  std::ifstream in(path);
  if (!in)
    throw input_error("Error: cannot open " + role + " '" + path
                      + "'. Check the path and its permissions.");
  try {
    return parse_values(suffix, in);
  } catch (const std::exception& e) {
    throw input_error("Error: cannot read " + role + " '" + path
                      + "': " + e.what());
  }
}

}  // namespace hbstan
