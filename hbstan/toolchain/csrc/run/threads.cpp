#include "run/threads.hpp"

#include "errors.hpp"

#include <stan/math/prim/core/init_threadpool_tbb.hpp>

namespace hbstan {

void set_threads(arguments& args) {
  auto& node = args.at("num_threads");
  const int from_environment = stan::math::internal::get_num_threads();
  if (node.is_default() && from_environment != 1) {
    node.value = std::to_string(from_environment);
  } else if (from_environment != 1
             && from_environment != args.integer("num_threads")) {
    throw input_error("Error: STAN_NUM_THREADS="
                      + std::to_string(from_environment)
                      + " in the environment, but num_threads=" + node.value
                      + ". Set only one of them, or make them equal.");
  }
  stan::math::init_threadpool_tbb(
      static_cast<int>(args.integer("num_threads")));
}

}  // namespace hbstan
