#ifndef HBSTAN_METHODS_UNCONSTRAIN_HPP
#define HBSTAN_METHODS_UNCONSTRAIN_HPP

#include "run/session.hpp"

#include <string>
#include <vector>

namespace hbstan {

/**
 * Parameter values on the constrained scale, read and mapped to the
 * unconstrained scale: one vector from a JSON or R file, one for each row of
 * a CSV file.
 *
 * @throw input_error if the file cannot be read
 * @throw std::exception what the model throws for values out of bounds
 */
std::vector<std::vector<double>> read_unconstrained(const session& run,
                                                    const std::string& path,
                                                    const std::string& role);

}  // namespace hbstan
#endif
