#include "io/output_file.hpp"

#include "errors.hpp"

#include <cerrno>
#include <cstring>

namespace hbstan {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  const std::string reason
      = errno != 0 ? std::strerror(errno) : "unknown reason";
  throw output_error("Error: cannot " + what + " output file '" + path
                     + "': " + reason
                     + ". Free some space or choose another path.");
}

}  // namespace

output_file::output_file(std::string path, int sig_figs)
    : path_(std::move(path)) {
  errno = 0;
  stream_.open(path_);
  if (!stream_)
    fail("open", path_);
  if (sig_figs > 0)
    stream_.precision(sig_figs);
}

void output_file::check() {
  errno = 0;
  if (!stream_.flush())
    fail("write", path_);
}

void output_file::close() {
  if (!stream_.is_open())
    return;
  check();
  stream_.close();
  if (!stream_)
    fail("close", path_);
}

}  // namespace hbstan
