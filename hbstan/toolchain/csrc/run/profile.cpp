#include "run/profile.hpp"

#include "io/output_file.hpp"
#include "run/model.hpp"

namespace hbstan {

void write_profile(const std::string& path) {
  const auto& profiles = get_stan_profile_data();
  if (profiles.empty() || path.empty())
    return;
  output_file file(path, -1);
  auto& out = file.stream();
  out << "name,thread_id,total_time,forward_time,reverse_time,chain_stack,"
         "no_chain_stack,autodiff_calls,no_autodiff_calls\n";
  for (const auto& [key, times] : profiles) {
    const auto forward = times.get_fwd_time();
    const auto reverse = times.get_rev_time();
    out << key.first << ',' << key.second << ',' << forward + reverse << ','
        << forward << ',' << reverse << ',' << times.get_chain_stack_used()
        << ',' << times.get_nochain_stack_used() << ','
        << times.get_num_rev_passes() << ',' << times.get_num_no_AD_fwd_passes()
        << '\n';
  }
  file.close();
}

}  // namespace hbstan
