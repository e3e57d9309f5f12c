#include "models/steps/lambda_steps.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "models/steps/step_factories.h"

namespace voxd {
namespace {

/// Reads a lambda's text, spaces left out, piece by piece. What does not fit makes every later read fail.
class LambdaText {
 public:
  explicit LambdaText(const std::string& text) : text_(without_spaces(text)), rest_(text_) {}

  bool accept(std::string_view piece) {
    if (!rest_.starts_with(piece)) return false;
    rest_.remove_prefix(piece.size());
    return true;
  }
  /// The name of the argument, of "lambda x:".
  std::optional<std::string> argument() {
    if (!accept("lambda")) return std::nullopt;
    const std::size_t colon = rest_.find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    std::string name(rest_.substr(0, colon));
    const auto in_name = [](char c) {
      return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    if (!std::all_of(name.begin(), name.end(), in_name)) return std::nullopt;
    rest_.remove_prefix(colon + 1);
    return name;
  }
  template <class Number>
  std::optional<Number> number() {
    Number value{};
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (read.ec != std::errc{}) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
    return value;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  static std::string without_spaces(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
    return text;
  }

  const std::string text_;
  std::string_view rest_;
};

std::optional<Lambda> parse_where(LambdaText text, const std::string& x) {
  WhereLambda lambda;
  while (text.accept("torch.where(" + x + "[[")) {
    const auto channel = text.number<std::int32_t>();
    if (!channel || !text.accept("]]>0,")) return std::nullopt;
    const auto label = text.number<std::int32_t>();
    if (!label || !text.accept(",")) return std::nullopt;
    lambda.rules.push_back({*channel, *label});
  }
  const auto otherwise = text.number<std::int32_t>();
  if (lambda.rules.empty() || lambda.rules.size() > kMostChannelLabels || !otherwise) return std::nullopt;
  for (std::size_t i = 0; i < lambda.rules.size(); ++i)
    if (!text.accept(")")) return std::nullopt;
  if (!text.at_end()) return std::nullopt;
  lambda.otherwise = *otherwise;
  return lambda;
}

std::optional<Lambda> parse_nan(LambdaText text, const std::string& x) {
  if (!text.accept("torch.nan_to_num(" + x + ",nan=")) return std::nullopt;
  const auto value = text.number<double>();
  if (!value || !text.accept(")") || !text.at_end()) return std::nullopt;
  return NanLambda{*value};
}

std::optional<Lambda> parse_channels(LambdaText text, const std::string& x) {
  if (!text.accept(x + "[")) return std::nullopt;
  const auto first = text.number<std::int32_t>();
  if (!first || *first < 0 || !text.accept(":]") || !text.at_end()) return std::nullopt;
  return ChannelsLambda{*first};
}

struct ApplyLambda {
  const DeviceVolume& volume;
  Workspace& workspace;

  DeviceVolume operator()(const WhereLambda& lambda) const {
    return labels_of_channels(volume, lambda.rules, lambda.otherwise, workspace);
  }
  DeviceVolume operator()(const NanLambda& lambda) const { return replace_nan(volume, lambda.value, workspace); }
  DeviceVolume operator()(const ChannelsLambda& lambda) const { return channels_from(volume, lambda.first); }
};

struct PlanLambda {
  const PlannedVolume& volume;
  MemoryPlan& plan;

  PlannedVolume operator()(const WhereLambda& lambda) const {
    std::int32_t largest = lambda.otherwise;
    for (const ChannelLabel& rule : lambda.rules) largest = std::max(largest, rule.label);
    return {largest > 255 ? DType::u16 : DType::u8, 1, volume.geometry(), plan};
  }
  PlannedVolume operator()(const NanLambda&) const {
    if (volume.dtype != DType::f32 && volume.dtype != DType::f64) return volume;
    return {volume.dtype, volume.channels, volume.geometry(), plan};
  }
  PlannedVolume operator()(const ChannelsLambda& lambda) const {
    PlannedVolume part = volume;
    part.channels = std::max(0, volume.channels - lambda.first);
    return part;
  }
};

StepPtr lambda_step(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  const ConfigValue func = params.value("func");
  const auto* text = func.as<PythonName>();
  if (!text) params.refuse(Code::invalid_argument, "func", "expected a lambda, found " + to_text(func));
  params.require_off({"inv_func", "overwrite_inverse"});
  if (!params.flag("track_meta", true)) params.refuse(Code::unimplemented, "track_meta", "only True is supported");
  if (!params.flag("overwrite", true)) params.refuse(Code::unimplemented, "overwrite", "only True is supported");
  try {
    return std::make_unique<Lambdad>(std::move(keys), parse_lambda(text->name));
  } catch (const Error& error) {
    params.refuse(error.code(), "func", error.what());
  }
}

}  // namespace

Lambda parse_lambda(const std::string& text) {
  LambdaText whole(text);
  if (const auto x = whole.argument())
    for (const auto parse : {parse_where, parse_nan, parse_channels})
      if (auto lambda = parse(whole, *x)) return *std::move(lambda);
  fail(Code::unimplemented, "'", printable(text),
       "' is not one of the functions that are known: nested torch.where(x[[channel]] > 0, label, ...), "
       "torch.nan_to_num(x, nan=number) and x[first:]");
}

void Lambdad::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = std::visit(ApplyLambda{item.volume, workspace}, func);
}

void Lambdad::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  item.volume = std::visit(PlanLambda{item.volume, plan}, func);
}

StepFactories lambda_factories() { return {{"Lambdad", lambda_step}}; }

}  // namespace voxd
