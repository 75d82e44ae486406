/* SPDX-License-Identifier: MIT */
/* Handlers of the operations on one operand. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

#define SHAPES "lib/soft/unary_shapes.h"
#define UNARY

#define OP inc
#include "lib/soft/alu_widths.h"

#define OP dec
#include "lib/soft/alu_widths.h"

#define OP neg
#include "lib/soft/alu_widths.h"

#define OP not
#include "lib/soft/alu_widths.h"
