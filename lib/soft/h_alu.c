/* SPDX-License-Identifier: MIT */
/* Handlers of the two-operand arithmetic and logic operations. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

#define SHAPES "lib/soft/alu_shapes.h"

#define OP     add
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     or
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     adc
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     sbb
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     and
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     sub
#define WRITES true
#include "lib/soft/alu_widths.h"

#define OP     xor
#define WRITES true
#include "lib/soft/alu_widths.h"

/* Comparisons are subtractions and conjunctions whose result is dropped. */
#define vmi_alu_cmp  vmi_alu_sub
#define vmi_alu_test vmi_alu_and

#define OP     cmp
#define WRITES false
#include "lib/soft/alu_widths.h"

#define OP     test
#define WRITES false
#include "lib/soft/alu_widths.h"
