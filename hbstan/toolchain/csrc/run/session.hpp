#ifndef HBSTAN_RUN_SESSION_HPP
#define HBSTAN_RUN_SESSION_HPP

#include "cli/argument.hpp"
#include "io/csv_writer.hpp"
#include "io/values.hpp"
#include "run/console_logger.hpp"
#include "run/model.hpp"

#include <stan/callbacks/interrupt.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hbstan {

/** Diagnostic files have no start time and no compile options. */
enum class header_extent { full, brief };

/** What every method needs to run: parsed arguments, the model, the console. */
struct session {
  const arguments& args;
  stan::model::model_base& model;
  console_logger& logger;
  std::string start_time;

  unsigned int seed() const {
    return static_cast<unsigned int>(args.integer("random.seed"));
  }
  int id() const { return static_cast<int>(args.integer("id")); }
  int refresh() const {
    return static_cast<int>(args.integer("output.refresh"));
  }
  int sig_figs() const {
    return static_cast<int>(args.integer("output.sig_figs"));
  }

  /** Writer of a CSV file that starts with the run's configuration. */
  csv_writer open_csv(const std::string& path,
                      header_extent extent = header_extent::full) const;

  /** The method's only output file, `output file=`. */
  csv_writer open_output() const;

  /** Output files of all chains, and their diagnostic files. */
  std::vector<csv_writer> open_outputs(std::size_t chains) const;
  std::vector<csv_writer> open_diagnostics(std::size_t chains) const;
};

/** Initial values of all chains, from the argument `init`. */
struct initial_values {
  double radius = 2;
  std::vector<values> contexts;
};

/** @throw input_error if init is a negative number or an unreadable file */
initial_values read_inits(const session& run, std::size_t chains);

/** Close files, throwing if one of them is incomplete. */
template <typename Files>
void close_all(Files& files) {
  for (auto& file : files)
    file.close();
}

}  // namespace hbstan
#endif
