#include "cli/build.hpp"
#include "cli/tree.hpp"

namespace hbstan {
namespace {

const char* const jacobian_text
    = "Include the change-of-variables adjustment of constrained parameters";

argument adapt_tree() {
  return group(
      "adapt", "Adaptation during warmup",
      {flag("engaged", "Is adaptation on?", true),
       real("gamma", "Regularization scale of the step size adaptation", "0.05",
            positive()),
       real("delta", "Target acceptance statistic", "0.8", open_unit()),
       real("kappa", "Relaxation exponent of the step size adaptation", "0.75",
            positive()),
       real("t0", "Iteration offset of the step size adaptation", "10",
            positive()),
       integer("init_buffer", "Width of the first fast interval", "75",
               count_or_zero()),
       integer("term_buffer", "Width of the last fast interval", "50",
               count_or_zero()),
       integer("window", "Initial width of the slow intervals", "25",
               count_or_zero()),
       flag("save_metric", "Save step size and metric as JSON?", false)});
}

argument hmc_tree() {
  return group(
      "hmc", "Hamiltonian Monte Carlo",
      {choice("engine", "Engine of Hamiltonian Monte Carlo", "nuts",
              {group("static", "Fixed integration time",
                     {real("int_time", "Total integration time (2 pi)",
                           "6.28318530717959", positive())}),
               group("nuts", "The No-U-Turn Sampler",
                     {integer("max_depth", "Maximum tree depth", "10",
                              count())})}),
       choice("metric", "Geometry of the momentum distribution", "diag_e",
              {group("unit_e", "Unit metric"),
               group("diag_e", "Diagonal metric"),
               group("dense_e", "Dense metric")}),
       text("metric_file", "File(s) with the initial inverse metric", "",
            "files that end in .json or .R with a variable inv_metric"),
       real("stepsize", "Initial step size", "1", positive()),
       real("stepsize_jitter", "Relative uniform jitter of the step size", "0",
            closed_unit())});
}

argument chains_argument() {
  return integer("num_chains", "Number of chains", "1", count());
}

argument sample_tree() {
  return group(
      "sample", "Bayesian inference with Markov chain Monte Carlo",
      {integer("num_samples", "Number of sampling iterations", "1000",
               count_or_zero()),
       integer("num_warmup", "Number of warmup iterations", "1000",
               count_or_zero()),
       flag("save_warmup", "Write warmup draws, too?", false),
       integer("thin", "Period between saved draws", "1", count()),
       adapt_tree(),
       choice("algorithm", "Sampling algorithm", "hmc",
              {hmc_tree(), group("fixed_param", "Parameters stay fixed")}),
       chains_argument()});
}

// The tolerances that BFGS, L-BFGS and Pathfinder share.
std::vector<argument> bfgs_arguments() {
  return {real("init_alpha", "Line search step size of the first iteration",
               "0.001", positive()),
          real("tol_obj", "Tolerance on absolute changes of the objective",
               "1e-12", non_negative()),
          real("tol_rel_obj", "Tolerance on relative changes of the objective",
               "10000", non_negative()),
          real("tol_grad", "Tolerance on the norm of the gradient", "1e-08",
               non_negative()),
          real("tol_rel_grad", "Tolerance on the relative norm of the gradient",
               "1e+07", non_negative()),
          real("tol_param", "Tolerance on changes of the parameters", "1e-08",
               non_negative())};
}

std::vector<argument> lbfgs_arguments() {
  auto list = bfgs_arguments();
  list.push_back(
      integer("history_size", "Updates that L-BFGS remembers", "5", count()));
  return list;
}

argument optimize_tree() {
  return group(
      "optimize", "Point estimation",
      {choice("algorithm", "Optimization algorithm", "lbfgs",
              {group("bfgs", "BFGS with line search", bfgs_arguments()),
               group("lbfgs", "L-BFGS with line search", lbfgs_arguments()),
               group("newton", "Newton's method")}),
       flag("jacobian", jacobian_text, false),
       integer("iter", "Maximum number of iterations", "2000", count()),
       flag("save_iterations", "Write every iterate?", false)});
}

argument variational_tree() {
  return group(
      "variational", "Variational inference",
      {choice("algorithm", "Family of the approximation", "meanfield",
              {group("meanfield", "Independent normals"),
               group("fullrank", "Normal with full covariance")}),
       integer("iter", "Maximum number of iterations", "10000", count()),
       integer("grad_samples", "Draws for the gradient", "1", count()),
       integer("elbo_samples", "Draws for the ELBO", "100", count()),
       real("eta", "Step size scale", "1", positive()),
       group("adapt", "Adaptation of eta",
             {flag("engaged", "Is adaptation on?", true),
              integer("iter", "Iterations of the adaptation", "50", count())}),
       real("tol_rel_obj", "Relative tolerance for convergence", "0.01",
            positive()),
       integer("eval_elbo", "Iterations between ELBO evaluations", "100",
               count()),
       integer("output_samples", "Draws from the approximation", "1000",
               count_or_zero())});
}

argument diagnose_tree() {
  return group(
      "diagnose", "Model diagnostics",
      {choice("test", "Diagnostic test", "gradient",
              {group("gradient", "Gradient against finite differences",
                     {real("epsilon", "Finite difference step", "1e-06",
                           positive()),
                      real("error", "Error threshold", "1e-06",
                           positive())})})});
}

argument pathfinder_tree() {
  auto list = lbfgs_arguments();
  for (auto& node : std::vector<argument>{
           integer("num_psis_draws", "Draws after resampling", "1000", count()),
           integer("num_paths", "Number of single paths", "4", count()),
           flag("save_single_paths", "Write each path's draws, too?", false),
           flag("psis_resample",
                "Resample by importance? If not, all paths' draws are returned",
                true),
           flag("calculate_lp",
                "Evaluate the log density at every draw? If not, no resampling",
                true),
           integer("max_lbfgs_iters", "Maximum number of L-BFGS iterations",
                   "1000", count()),
           integer("num_draws", "Draws of each path", "1000", count()),
           integer("num_elbo_draws", "Draws for the ELBO", "25", count())})
    list.push_back(std::move(node));
  return group("pathfinder", "Pathfinder variational inference",
               std::move(list));
}

argument generate_quantities_tree() {
  return group("generate_quantities", "Generated quantities from a fit",
               {text("fitted_params", "CSV file(s) of the fit's draws", "",
                     "existing CSV files"),
                chains_argument()});
}

argument log_prob_tree() {
  return group(
      "log_prob", "Log density and gradient at given parameters",
      {text("unconstrained_params",
            "File with params_r: one vector, or several as rows", "",
            "a file that ends in .json or .R"),
       text("constrained_params", "File of values on the constrained scale", "",
            "a file that ends in .json, .R or .csv"),
       flag("jacobian", jacobian_text, true)});
}

argument laplace_tree() {
  return group("laplace", "Draws from a Laplace approximation",
               {text("mode", "File with the mode on the constrained scale", "",
                     "a file that ends in .json, .R or .csv"),
                flag("jacobian", jacobian_text, true),
                integer("draws", "Number of draws", "1000", count()),
                flag("calculate_lp",
                     "Evaluate the log density at every draw?", true)});
}

}  // namespace

argument method_tree() {
  return choice("method", "Analysis method (the word method= is optional)",
                "sample",
                {sample_tree(), optimize_tree(), variational_tree(),
                 diagnose_tree(), generate_quantities_tree(), pathfinder_tree(),
                 log_prob_tree(), laplace_tree()});
}

}  // namespace hbstan
