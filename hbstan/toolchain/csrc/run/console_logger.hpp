#ifndef HBSTAN_RUN_CONSOLE_LOGGER_HPP
#define HBSTAN_RUN_CONSOLE_LOGGER_HPP

#include <stan/callbacks/logger.hpp>

#include <iostream>
#include <mutex>
#include <string>

namespace hbstan {

/**
 * Sends messages to the console: errors to stderr, all else to stdout.
 *
 * Chains may log at the same time; each message is written as a whole.
 */
class console_logger final : public stan::callbacks::logger {
 public:
  void debug(const std::string& text) override { say(std::cout, text); }
  void info(const std::string& text) override { say(std::cout, text); }
  void warn(const std::string& text) override { say(std::cout, text); }
  void error(const std::string& text) override { say(std::cerr, text); }
  void fatal(const std::string& text) override { say(std::cerr, text); }

  void debug(const std::stringstream& text) override { debug(text.str()); }
  void info(const std::stringstream& text) override { info(text.str()); }
  void warn(const std::stringstream& text) override { warn(text.str()); }
  void error(const std::stringstream& text) override { error(text.str()); }
  void fatal(const std::stringstream& text) override { fatal(text.str()); }

 private:
  void say(std::ostream& out, const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Keeps the order of messages where both streams go to the same file.
    std::cout.flush();
    out << text << std::endl;
  }

  std::mutex mutex_;
};

}  // namespace hbstan
#endif
