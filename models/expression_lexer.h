#pragma once

#include <string>
#include <string_view>

namespace voxd {

/// One word of a `$` expression.
struct Token {
  enum class Kind { end, name, number, text, reference, symbol };
  Kind kind = Kind::end;
  std::string text;    ///< without quotes or `@`
  std::size_t at = 0;  ///< where it starts, in characters
};

/// Splits an expression into tokens. A name keeps its dots ("torch.float32"), a reference its separators ("a#b::0").
/// Copies go on where the original was. Borrows the text. Used by one thread.
class ExpressionLexer {
 public:
  explicit ExpressionLexer(std::string_view text) : text_(text) {}

  /// Throws Error{invalid_argument} on a string without end, Error{unimplemented} on one with escapes.
  Token next();

 private:
  Token name(std::size_t start);
  Token number(std::size_t start);
  Token string(std::size_t start, char quote);
  Token reference(std::size_t start);

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace voxd
