#ifndef HBSTAN_IO_CSV_WRITER_HPP
#define HBSTAN_IO_CSV_WRITER_HPP

#include "io/output_file.hpp"

#include <stan/callbacks/writer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hbstan {

/**
 * Writes what a Stan service reports as Stan CSV: names, rows, comments.
 *
 * Without a file it swallows everything. Each row is flushed, so that a run
 * that is killed keeps the draws it made, and checked, so that a full disk
 * ends the run.
 */
class csv_writer final : public stan::callbacks::writer {
 public:
  csv_writer() = default;
  explicit csv_writer(std::unique_ptr<output_file> file)
      : file_(std::move(file)) {}

  void operator()(const std::vector<std::string>& names) override {
    row(names);
  }
  void operator()(const std::vector<double>& values) override { row(values); }
  void operator()() override { comment(""); }
  void operator()(const std::string& message) override { comment(message); }

  /** A matrix with a draw in each column; CmdStan sets blanks after commas. */
  void operator()(
      const Eigen::Ref<Eigen::Matrix<double, -1, -1>>& values) override {
    for (Eigen::Index draw = 0; draw < values.cols(); ++draw)
      row(values.col(draw), ", ");
  }

  void close() {
    if (file_)
      file_->close();
  }

 private:
  template <typename Values>
  void row(const Values& values, const char* separator = ",") {
    if (!file_ || values.size() == 0)
      return;
    auto& out = file_->stream();
    out << values[0];
    for (decltype(values.size()) i = 1; i < values.size(); ++i)
      out << separator << values[i];
    out << '\n';
    file_->check();
  }

  void comment(const std::string& message) {
    if (!file_)
      return;
    file_->stream() << "# " << message << '\n';
    file_->check();
  }

  std::unique_ptr<output_file> file_;
};

}  // namespace hbstan
#endif
