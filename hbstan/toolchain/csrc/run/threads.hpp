#ifndef HBSTAN_RUN_THREADS_HPP
#define HBSTAN_RUN_THREADS_HPP

#include "cli/argument.hpp"

namespace hbstan {

/**
 * Start the thread pool with as many threads as num_threads or the environment
 * variable STAN_NUM_THREADS ask for, and record the number in `args`.
 *
 * @throw input_error if the two contradict each other
 */
void set_threads(arguments& args);

}  // namespace hbstan
#endif
