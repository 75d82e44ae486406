/* SPDX-License-Identifier: MIT */
/* A template: FIRST and any step on registers. */
#define SECOND add_rr_4
#include "lib/soft/pair_shapes.h"
#define SECOND add_rra_4
#include "lib/soft/pair_shapes.h"
#define SECOND add_rr_8
#include "lib/soft/pair_shapes.h"
#define SECOND add_rra_8
#include "lib/soft/pair_shapes.h"
#define SECOND add_ri_4
#include "lib/soft/pair_shapes.h"
#define SECOND add_ria_4
#include "lib/soft/pair_shapes.h"
#define SECOND add_ri_8
#include "lib/soft/pair_shapes.h"
#define SECOND add_ria_8
#include "lib/soft/pair_shapes.h"
#define SECOND xor_rr_4
#include "lib/soft/pair_shapes.h"
#define SECOND xor_rra_4
#include "lib/soft/pair_shapes.h"
#define SECOND xor_rr_8
#include "lib/soft/pair_shapes.h"
#define SECOND xor_rra_8
#include "lib/soft/pair_shapes.h"
#define SECOND and_rra_4
#include "lib/soft/pair_shapes.h"
#define SECOND and_rra_8
#include "lib/soft/pair_shapes.h"
#define SECOND and_ri_4
#include "lib/soft/pair_shapes.h"
#define SECOND and_ria_4
#include "lib/soft/pair_shapes.h"
#define SECOND shl_ri_8
#include "lib/soft/pair_shapes.h"
#define SECOND shl_ria_8
#include "lib/soft/pair_shapes.h"
#define SECOND shr_ri_4
#include "lib/soft/pair_shapes.h"
#define SECOND shr_ria_4
#include "lib/soft/pair_shapes.h"
#define SECOND shr_ri_8
#include "lib/soft/pair_shapes.h"
#define SECOND rol_ri_4
#include "lib/soft/pair_shapes.h"
#define SECOND rol_ria_4
#include "lib/soft/pair_shapes.h"
#define SECOND mov_rr_4
#include "lib/soft/pair_shapes.h"
#define SECOND mov_rr_8
#include "lib/soft/pair_shapes.h"
#define SECOND lea_any_8
#include "lib/soft/pair_shapes.h"
#define SECOND lea_p_8
#include "lib/soft/pair_shapes.h"
#define SECOND zx_rr_1
#include "lib/soft/pair_shapes.h"
#undef FIRST
