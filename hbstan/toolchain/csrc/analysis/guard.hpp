#ifndef HBSTAN_ANALYSIS_GUARD_HPP
#define HBSTAN_ANALYSIS_GUARD_HPP

#include <functional>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {

/** Exit codes of both programs. */
enum ExitCode { kOk = 0, kFailed = 1, kUsage = 64 };

/**
 * The error boundary of both programs: runs `program` with the arguments
 * after the program's name, prints what it throws to standard error and turns
 * it into an exit code. A standard output that could not be written counts as
 * a failure.
 */
int guarded(int argc, const char* argv[],
            const std::function<void(const std::vector<std::string>&)>& program);

}  // namespace analysis
}  // namespace hbstan

#endif
