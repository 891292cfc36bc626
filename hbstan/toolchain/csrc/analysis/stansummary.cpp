// bin/stansummary: a table of statistics of the chains in Stan CSV files.
#include "chain_set.hpp"
#include "guard.hpp"
#include "options.hpp"
#include "summary.hpp"

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace hbstan::analysis;

const char kHelp[]
    = "Usage: stansummary [options] chain_1.csv [chain_2.csv ...]\n"
      "\n"
      "Statistics of the draws in Stan CSV files, one file a chain, of all\n"
      "columns: mean, Monte Carlo standard error, standard deviation,\n"
      "percentiles, effective sample size, the same per second, split R-hat.\n"
      "\n"
      "  -a, --autocorr N          autocorrelations of the Nth file as well\n"
      "  -c, --csv_filename FILE   write the statistics to FILE as CSV, too\n"
      "  -h, --help                print this text\n"
      "  -i, --include_param NAME  report NAME alone: an element or all of a\n"
      "                            container; may be given several times\n"
      "  -p, --percentiles LIST    ascending numbers between 0 and 100\n"
      "                            (default: 5,50,95)\n"
      "  -s, --sig_figs N          significant digits, 1 to 18 (default: 2;\n"
      "                            6 in the CSV)\n";

std::vector<OptionSpec> specs() {
  return {{"autocorr", 'a', true},      {"csv_filename", 'c', true},
          {"help", 'h', false},         {"include_param", 'i', true},
          {"percentiles", 'p', true},   {"sig_figs", 's', true}};
}

void write_csv_file(const std::string& path, const ChainSet& chains,
                    const Summary& summary, int sig_figs) {
  std::ofstream file(path);
  if (file) {
    write_csv(file, summary, sig_figs);
    write_run(file, chains, "# ");
    write_footer(file, chains, "# ");
    file.close();
  }
  if (!file)
    throw FileError(path + ": cannot write the file");
}

void run(const std::vector<std::string>& arguments) {
  const CommandLine line = parse_command_line(arguments, specs());
  if (line.has("help")) {
    std::cout << kHelp;
    return;
  }
  if (line.files.empty())
    throw UsageError("no Stan CSV file given; see --help");
  const int files = static_cast<int>(line.files.size());
  const auto percentiles = parse_percentiles(line.value("percentiles", "5,50,95"));
  const int sig_figs = parse_integer("sig_figs", line.value("sig_figs", "2"), 1, 18);
  const int chain
      = parse_integer("autocorr", line.value("autocorr", "1"), 1, files);

  const ChainSet chains(line.files);
  const auto wanted = line.has("include_param") ? line.options.at("include_param")
                                                : std::vector<std::string>();
  const auto columns = select_columns(chains, wanted);
  const Summary summary = summarize(chains, columns, percentiles);
  write_run(std::cout, chains, "");
  std::cout << "\n";
  write_table(std::cout, summary, sig_figs);
  std::cout << "\n";
  if (line.has("autocorr")) {
    write_autocorrelation(std::cout, chains, columns, chain - 1);
    std::cout << "\n";
  }
  write_footer(std::cout, chains, "");
  if (line.has("csv_filename"))
    write_csv_file(line.value("csv_filename", ""), chains, summary,
                   line.has("sig_figs") ? sig_figs : 6);
}

}  // namespace

int main(int argc, const char* argv[]) {
  return hbstan::analysis::guarded(argc, argv, run);
}
