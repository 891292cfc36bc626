#ifndef HBSTAN_IO_VALUES_HPP
#define HBSTAN_IO_VALUES_HPP

#include <stan/io/var_context.hpp>

#include <memory>
#include <string>

namespace hbstan {

/** Named values: data, initial values, a metric. */
using values = std::shared_ptr<stan::io::var_context>;

/** Nothing: every variable is missing. */
values no_values();

/**
 * Read named values from a JSON (.json) or R dump (.R) file.
 *
 * @param path file name; empty for no values
 * @param role what the file is for, e.g. "data file"; used in messages
 * @throw input_error if it is missing, has another suffix, or does not parse
 */
values read_values(const std::string& path, const std::string& role);

}  // namespace hbstan
#endif
