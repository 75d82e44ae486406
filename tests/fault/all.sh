#!/bin/sh
# SPDX-License-Identifier: MIT
# Every call of every scenario fails, not only the first and last of a kind.

exec tests/fault/faults all
