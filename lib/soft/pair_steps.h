/* SPDX-License-Identifier: MIT */
/* All pairs: their handlers, or the rows of their table. */
#define FIRST add_rr_4
#include "lib/soft/pair_seconds.h"
#define FIRST add_rra_4
#include "lib/soft/pair_seconds.h"
#define FIRST add_rr_8
#include "lib/soft/pair_seconds.h"
#define FIRST add_rra_8
#include "lib/soft/pair_seconds.h"
#define FIRST add_ri_4
#include "lib/soft/pair_seconds.h"
#define FIRST add_ria_4
#include "lib/soft/pair_seconds.h"
#define FIRST add_ri_8
#include "lib/soft/pair_seconds.h"
#define FIRST add_ria_8
#include "lib/soft/pair_seconds.h"
#define FIRST xor_rr_4
#include "lib/soft/pair_seconds.h"
#define FIRST xor_rra_4
#include "lib/soft/pair_seconds.h"
#define FIRST xor_rr_8
#include "lib/soft/pair_seconds.h"
#define FIRST xor_rra_8
#include "lib/soft/pair_seconds.h"
#define FIRST and_rra_4
#include "lib/soft/pair_seconds.h"
#define FIRST and_rra_8
#include "lib/soft/pair_seconds.h"
#define FIRST and_ri_4
#include "lib/soft/pair_seconds.h"
#define FIRST and_ria_4
#include "lib/soft/pair_seconds.h"
#define FIRST shl_ri_8
#include "lib/soft/pair_seconds.h"
#define FIRST shl_ria_8
#include "lib/soft/pair_seconds.h"
#define FIRST shr_ri_4
#include "lib/soft/pair_seconds.h"
#define FIRST shr_ria_4
#include "lib/soft/pair_seconds.h"
#define FIRST shr_ri_8
#include "lib/soft/pair_seconds.h"
#define FIRST rol_ri_4
#include "lib/soft/pair_seconds.h"
#define FIRST rol_ria_4
#include "lib/soft/pair_seconds.h"
#define FIRST mov_rr_4
#include "lib/soft/pair_seconds.h"
#define FIRST mov_rr_8
#include "lib/soft/pair_seconds.h"
#define FIRST lea_any_8
#include "lib/soft/pair_seconds.h"
#define FIRST lea_p_8
#include "lib/soft/pair_seconds.h"
#define FIRST zx_rr_1
#include "lib/soft/pair_seconds.h"
#define FIRST ld_p_8
#include "lib/soft/pair_registers.h"
#define FIRST ld_p_4
#include "lib/soft/pair_registers.h"
#define FIRST ldz_p_1
#include "lib/soft/pair_registers.h"
#define FIRST st_p_8
#include "lib/soft/pair_registers.h"
#define FIRST st_p_4
#include "lib/soft/pair_registers.h"
#define FIRST ld_any_4
#include "lib/soft/pair_registers.h"
