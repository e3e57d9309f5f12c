#include <sstream>

#include "models/network_probe.h"

namespace voxd {

std::string probe_argument(const NetworkOptions& options) {
  std::ostringstream text;
  const Int3& size = options.warm_up_size;
  text << options.input_channels << ' ' << size[0] << ' ' << size[1] << ' ' << size[2] << ' ' << options.device << ' '
       << options.warm_up_batch << ' ' << options.rewrite << ' ' << (options.precision == Precision::bf16);
  return text.str();
}

NetworkOptions probe_options(const std::string& argument) {
  std::istringstream text(argument);
  NetworkOptions options;
  Int3& size = options.warm_up_size;
  bool bf16 = false;
  if (!(text >> options.input_channels >> size[0] >> size[1] >> size[2] >> options.device >> options.warm_up_batch >>
        options.rewrite >> bf16))
    fail(Code::invalid_argument, "options: '", argument,
         "', expected channels, three sizes, device, batch, and whether to rewrite and to use bf16");
  options.precision = bf16 ? Precision::bf16 : Precision::fp32;
  return options;
}

}  // namespace voxd
