#ifndef HBSTAN_RUN_PROFILE_HPP
#define HBSTAN_RUN_PROFILE_HPP

#include <string>

namespace hbstan {

/**
 * Write the timings of the program's profile statements as CSV.
 *
 * Nothing is written if the program has none, or none was run.
 * @throw output_error if the file cannot be written
 */
void write_profile(const std::string& path);

}  // namespace hbstan
#endif
