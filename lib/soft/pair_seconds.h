/* SPDX-License-Identifier: MIT */
/* A template: FIRST, which is on registers, and any step. */
#define SECOND ld_p_8
#include "lib/soft/pair_shapes.h"
#define SECOND ld_p_4
#include "lib/soft/pair_shapes.h"
#define SECOND ldz_p_1
#include "lib/soft/pair_shapes.h"
#define SECOND st_p_8
#include "lib/soft/pair_shapes.h"
#define SECOND st_p_4
#include "lib/soft/pair_shapes.h"
#define SECOND ld_any_4
#include "lib/soft/pair_shapes.h"
#include "lib/soft/pair_registers.h"
