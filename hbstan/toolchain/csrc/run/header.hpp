#ifndef HBSTAN_RUN_HEADER_HPP
#define HBSTAN_RUN_HEADER_HPP

#include "run/session.hpp"

#include <string>
#include <vector>

namespace hbstan {

/** The comment lines (without "# ") at the top of a Stan CSV file. */
std::vector<std::string> header_lines(const session& run,
                                      header_extent extent);

/** Write all arguments as JSON next to the output file: out_config.json. */
void write_config(const session& run);

/** Versions and compile options, as the command `info` prints them. */
std::string build_info();

/** The current time, "2024-06-03 14:57:00 UTC". */
std::string utc_now();

}  // namespace hbstan
#endif
