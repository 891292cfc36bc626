#ifndef HBSTAN_ANALYSIS_CHAIN_FILE_HPP
#define HBSTAN_ANALYSIS_CHAIN_FILE_HPP

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {

/** A file that cannot be opened or does not hold a Stan CSV. */
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/** What the comments of a Stan CSV say about the run that wrote it. */
struct RunInfo {
  std::string model;
  std::string algorithm;
  std::string engine;
  std::size_t num_samples = 0;
  std::size_t num_warmup = 0;
  std::size_t thin = 1;
  bool save_warmup = false;
  int max_depth = 10;
  double warmup_seconds = 0;
  double sampling_seconds = 0;
};

/** One chain: the run's description and its draws, one vector a column. */
struct ChainFile {
  std::string path;
  RunInfo info;
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;

  std::size_t num_rows() const {
    return columns.empty() ? 0 : columns.front().size();
  }
  /** Leading rows that belong to the warmup (0 unless it was saved). */
  std::size_t num_warmup_rows() const;
};

/**
 * The name of a column as people write it: `theta.2.1` becomes `theta[2,1]`;
 * members of tuples, which the CSV separates by a colon, are joined by a dot.
 */
std::string display_name(const std::string& column);

/**
 * Read one Stan CSV.
 *
 * The reader is strict, unlike `stan::io::stan_csv_reader`, which takes an
 * unreadable number for zero and goes on: a summary of such a file would be
 * wrong without anybody noticing.
 *
 * @throws FileError naming the file, and the line where there is one
 */
ChainFile read_chain_file(const std::string& path);

}  // namespace analysis
}  // namespace hbstan

#endif
