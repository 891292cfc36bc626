#include "cli/tree.hpp"

#include "cli/build.hpp"

namespace hbstan {
namespace {

const char* const per_chain
    = " With several chains: one name to which _ID is added, or a "
      "comma-separated list.";

argument output_tree() {
  return group(
      "output", "What is written, and where",
      {text("file", std::string("Output CSV file.") + per_chain, "output.csv",
            "a path that can be written"),
       text("diagnostic_file",
            std::string("Extra file with the method's internals.") + per_chain,
            "", "a path that can be written"),
       integer("refresh", "Iterations between progress lines; 0: none", "100",
               count_or_zero()),
       integer("sig_figs",
               "Significant digits in CSV files; -1: six, the C++ default",
               "-1",
               {"-1 or 1 <= NAME <= 18",
                [](double x) { return x == -1 || (x >= 1 && x <= 18); }}),
       text("profile_file", "File for the timings of profile statements",
            "profile.csv", "a path that can be written"),
       flag("save_cmdstan_config",
            "Also save all arguments, with defaults, as JSON", false)});
}

argument seed_argument() {
  // -1 stands for "from the clock"; the run replaces it by the seed it took.
  return integer("seed", "Seed of the random number generator", "-1",
                 {"0 <= NAME <= 4294967295, or -1 to take it from the clock",
                  [](double x) { return x >= -1 && x <= 4294967295.0; }});
}

argument threads_argument() {
#ifdef STAN_THREADS
  const range legal{"0 < NAME, or -1 for all cores",
                    [](double x) { return x == -1 || x > 0; }};
#else
  const range legal{"1 (compile the model with STAN_THREADS=TRUE for more)",
                    [](double x) { return x == 1; }};
#endif
  return integer("num_threads", "Number of threads the program may use", "1",
                 legal);
}

}  // namespace

argument command_tree() {
  return group(
      "", "",
      {method_tree(),
       integer("id", "Identifier of the first chain", "1", count_or_zero()),
       group("data", "Input data",
             {text("file", "Data file, JSON or R dump", "",
                   "a file that ends in .json or .R")}),
       text("init",
            std::string("Initial values: a number x draws uniformly from "
                        "[-x, x], 0 starts at zero, else a file of values.")
                + per_chain,
            "2", "a number >= 0, or files that end in .json or .R"),
       group("random", "Random numbers", {seed_argument()}), output_tree(),
       threads_argument()});
}

}  // namespace hbstan
