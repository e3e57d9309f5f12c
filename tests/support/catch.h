#pragma once

// Debian 12 ships Catch2 version 2; a move to version 3 changes this line only.
#include <catch2/catch.hpp>
