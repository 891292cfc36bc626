#ifndef HBSTAN_IO_JSON_FILE_HPP
#define HBSTAN_IO_JSON_FILE_HPP

#include "io/output_file.hpp"

#include <stan/callbacks/json_writer.hpp>

#include <memory>
#include <ostream>
#include <string>

namespace hbstan {

/** Leaves the stream to its owner. */
struct borrowed {
  void operator()(std::ostream*) const {}
};

/** Stan's JSON writer on a stream that someone else owns and checks. */
using json_writer = stan::callbacks::json_writer<std::ostream, borrowed>;

/**
 * A JSON output file: Stan's writer together with the file it writes to.
 * Without a path, what is written goes nowhere.
 */
class json_file {
 public:
  json_file() = default;
  json_file(const std::string& path, int sig_figs)
      : file_(std::make_unique<output_file>(path, sig_figs)),
        writer_(std::unique_ptr<std::ostream, borrowed>(&file_->stream())) {}

  json_writer& writer() { return writer_; }

  void close() {
    if (file_)
      file_->close();
  }

  /** Hand the writer to a service that wants a vector of writers. */
  json_writer release_writer() { return std::move(writer_); }

 private:
  std::unique_ptr<output_file> file_;
  json_writer writer_;
};

}  // namespace hbstan
#endif
