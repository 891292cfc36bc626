#ifndef HBSTAN_RUN_MODEL_HPP
#define HBSTAN_RUN_MODEL_HPP

#include <stan/math/rev/core/profiling.hpp>
#include <stan/model/model_base.hpp>

#include <ostream>

// The two functions that stanc puts into every compiled program.

/** Instantiate the program with data; messages of print() go to `messages`. */
stan::model::model_base& new_model(stan::io::var_context& data,
                                   unsigned int seed, std::ostream* messages);

/** Timings collected by the program's profile statements. */
stan::math::profile_map& get_stan_profile_data();

#endif
