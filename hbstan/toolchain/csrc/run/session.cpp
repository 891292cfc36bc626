#include "run/session.hpp"

#include "errors.hpp"
#include "io/file_names.hpp"
#include "run/header.hpp"

#include <cmath>
#include <cstdlib>

namespace hbstan {

csv_writer session::open_csv(const std::string& path,
                             header_extent extent) const {
  auto file = std::make_unique<output_file>(path, sig_figs());
  for (const auto& line : header_lines(*this, extent))
    file->stream() << "# " << line << '\n';
  file->check();
  return csv_writer(std::move(file));
}

csv_writer session::open_output() const {
  return std::move(open_outputs(1).front());
}

std::vector<csv_writer> session::open_outputs(std::size_t chains) const {
  const auto& name = args.text("output.file");
  if (name.empty())
    throw input_error(
        "Error: output file= is empty. Name a file to write to.");
  std::vector<csv_writer> writers;
  for (const auto& path : chain_outputs(name, ".csv", chains, id()))
    writers.push_back(open_csv(path));
  return writers;
}

std::vector<csv_writer> session::open_diagnostics(std::size_t chains) const {
  const auto& name = args.text("output.diagnostic_file");
  std::vector<csv_writer> writers;
  if (name.empty()) {
    writers.resize(chains);
    return writers;
  }
  for (const auto& path : chain_outputs(name, ".csv", chains, id()))
    writers.push_back(open_csv(path, header_extent::brief));
  return writers;
}

initial_values read_inits(const session& run, std::size_t chains) {
  const auto& text = run.args.text("init");
  initial_values inits;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0') {
    if (!(number >= 0 && std::isfinite(number)))
      throw input_error("Error: init=" + text
                        + " is no radius. Give a number >= 0 or a file.");
    inits.radius = number;
    inits.contexts.assign(chains, no_values());
    return inits;
  }
  for (const auto& path : chain_inputs(text, chains, run.id()))
    inits.contexts.push_back(read_values(path, "init file"));
  return inits;
}

}  // namespace hbstan
