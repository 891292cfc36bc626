#ifndef HBSTAN_IO_CSV_TABLE_HPP
#define HBSTAN_IO_CSV_TABLE_HPP

#include <string>
#include <vector>

namespace hbstan {

/** The numbers of a Stan CSV file, without its comments. */
struct csv_table {
  std::vector<std::string> names;
  std::vector<std::vector<double>> rows;

  /**
   * The columns of these names, in this order, of all rows.
   * @throw input_error naming the first column that is missing
   */
  std::vector<std::vector<double>> select(
      const std::vector<std::string>& wanted, const std::string& path) const;
};

/**
 * Read a Stan CSV file.
 *
 * Rows of saved warmup draws are read like any others: what the quantities
 * generated from them are good for is the caller's decision.
 *
 * @throw input_error if the file is missing, empty or malformed
 */
csv_table read_csv(const std::string& path);

}  // namespace hbstan
#endif
