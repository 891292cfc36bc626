#ifndef HBSTAN_CLI_TREE_HPP
#define HBSTAN_CLI_TREE_HPP

#include "cli/argument.hpp"

namespace hbstan {

/**
 * The argument tree of CmdStan 2.35.0 with its defaults.
 *
 * Source: CmdStan User's Guide 2.35,
 * https://mc-stan.org/docs/2_35/cmdstan-guide/
 */
argument command_tree();

/** The `method` argument: one alternative for each inference method. */
argument method_tree();

}  // namespace hbstan
#endif
