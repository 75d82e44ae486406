#!/bin/sh
# SPDX-License-Identifier: MIT
# Ten million strings to three decoders, from a fixed seed.

exec tests/soft/decode_oracle 10000000 2
