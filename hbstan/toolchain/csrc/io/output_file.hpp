#ifndef HBSTAN_IO_OUTPUT_FILE_HPP
#define HBSTAN_IO_OUTPUT_FILE_HPP

#include <fstream>
#include <memory>
#include <string>

namespace hbstan {

/**
 * An output file that does not lose data silently.
 *
 * Every write must be followed by check(), and close() must be called at the
 * end: both throw when the stream has failed, e.g. because the disk is full.
 */
class output_file {
 public:
  /**
   * @param path file to create or overwrite
   * @param sig_figs significant digits of numbers; -1 for the default of six
   * @throw output_error if the file cannot be opened
   */
  output_file(std::string path, int sig_figs);

  std::ostream& stream() { return stream_; }
  const std::string& path() const { return path_; }

  /** Flush; throw output_error if anything written so far was lost. */
  void check();

  /** Close the file; throw output_error if its contents are incomplete. */
  void close();

 private:
  std::string path_;
  std::ofstream stream_;
};

}  // namespace hbstan
#endif
