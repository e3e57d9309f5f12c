#include "models/expression_lexer.h"

#include "models/config.h"

namespace voxd {
namespace {

bool starts_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Token ExpressionLexer::next() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
  if (at_ == text_.size()) return {Token::Kind::end, "end of the expression", at_};
  const std::size_t start = at_;
  const char c = text_[at_];
  if (starts_name(c)) return name(start);
  if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number(start);
  if (c == '\'' || c == '"') return string(start, c);
  if (c == '@') return reference(start);
  ++at_;
  return {Token::Kind::symbol, printable(std::string_view(&c, 1)), start};
}

Token ExpressionLexer::name(std::size_t start) {
  while (at_ < text_.size() && (starts_name(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
  return {Token::Kind::name, std::string(text_.substr(start, at_ - start)), start};
}

Token ExpressionLexer::number(std::size_t start) {
  while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }
  return {Token::Kind::number, std::string(text_.substr(start, at_ - start)), start};
}

Token ExpressionLexer::string(std::size_t start, char quote) {
  const std::size_t end = text_.find(quote, start + 1);
  if (end == std::string_view::npos) fail(Code::invalid_argument, "the string at ", start, " has no end");
  const std::string_view inside = text_.substr(start + 1, end - start - 1);
  if (inside.find('\\') != std::string_view::npos)
    fail(Code::unimplemented, "'\\' in the string at ", start, " is not supported");
  at_ = end + 1;
  return {Token::Kind::text, std::string(inside), start};
}

Token ExpressionLexer::reference(std::size_t start) {
  ++at_;
  const auto belongs = [&] {
    const char c = text_[at_];
    if (starts_name(c) || is_digit(c) || c == '#') return true;
    return c == ':' && (text_.substr(at_, 2) == "::" || text_[at_ - 1] == ':');
  };
  while (at_ < text_.size() && belongs()) ++at_;
  return {Token::Kind::reference, std::string(text_.substr(start + 1, at_ - start - 1)), start};
}

}  // namespace voxd
