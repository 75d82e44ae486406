/* SPDX-License-Identifier: MIT */
/* From instructions to operations. */
#ifndef VMI_SOFT_TRANSLATE_H
#define VMI_SOFT_TRANSLATE_H

#include "lib/soft/block.h"
#include "lib/soft/value.h"

#endif
