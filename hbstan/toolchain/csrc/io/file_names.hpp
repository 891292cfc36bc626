#ifndef HBSTAN_IO_FILE_NAMES_HPP
#define HBSTAN_IO_FILE_NAMES_HPP

#include <string>
#include <vector>

namespace hbstan {

/** "dir/fit.csv" -> {"dir/fit", ".csv"}; the suffix may be empty. */
struct split_name {
  explicit split_name(const std::string& path);
  std::string stem;
  std::string suffix;
};

/** "fit.csv", "_config", ".json" -> "fit_config.json". */
std::string sibling(const std::string& path, const std::string& tag,
                    const std::string& suffix);

/** Split a comma-separated list; no empty entries. */
std::vector<std::string> split_list(const std::string& names);

/**
 * Output file names of all chains.
 *
 * One chain: the name itself. Several: a list with a name for each, or one
 * name to which _ID is added: out_1.csv, out_2.csv, ...
 *
 * @param name the argument's value
 * @param standard_suffix added to a name without suffix if there are several
 * @param chains number of chains
 * @param first_id identifier of the first chain
 * @throw input_error if a list has not one name for each chain
 */
std::vector<std::string> chain_outputs(const std::string& name,
                                       const std::string& standard_suffix,
                                       std::size_t chains, int first_id);

/**
 * Input file names of all chains: a list with one name for each chain, files
 * with _ID added where they exist, else the same file for every chain.
 */
std::vector<std::string> chain_inputs(const std::string& name,
                                      std::size_t chains, int first_id);

}  // namespace hbstan
#endif
