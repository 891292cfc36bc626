// bin/diagnose: looks for signs of trouble in the chains of Stan CSV files.
#include "chain_set.hpp"
#include "checks.hpp"
#include "guard.hpp"
#include "options.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace hbstan::analysis;

const char kHelp[]
    = "Usage: diagnose chain_1.csv [chain_2.csv ...]\n"
      "\n"
      "Checks the draws in Stan CSV files, one file a chain: transitions that\n"
      "hit the maximum treedepth, divergences, E-BFMI, effective sample size\n"
      "and split R-hat. The exit code tells whether the files could be read,\n"
      "not whether the checks passed.\n"
      "\n"
      "  -h, --help   print this text\n";

void run(const std::vector<std::string>& arguments) {
  const CommandLine line = parse_command_line(arguments, {{"help", 'h', false}});
  if (line.has("help")) {
    std::cout << kHelp;
    return;
  }
  if (line.files.empty())
    throw UsageError("no Stan CSV file given; see --help");
  const ChainSet chains(line.files);
  const Limits limits;
  bool good = check_treedepth(std::cout, chains);
  good = check_divergences(std::cout, chains) && good;
  good = check_energy(std::cout, chains, limits) && good;
  good = check_effective_sample_size(std::cout, chains, limits) && good;
  good = check_rhat(std::cout, chains, limits) && good;
  std::cout << (good ? "Processing complete, no problems detected.\n"
                     : "Processing complete.\n");
}

}  // namespace

int main(int argc, const char* argv[]) {
  return hbstan::analysis::guarded(argc, argv, run);
}
