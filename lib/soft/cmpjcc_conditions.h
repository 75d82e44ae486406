/* SPDX-License-Identifier: MIT */
/* A template: the sixteen conditions of cmpjcc_shapes.h at one width. */
#define CC 0
#include "lib/soft/cmpjcc_shapes.h"
#define CC 1
#include "lib/soft/cmpjcc_shapes.h"
#define CC 2
#include "lib/soft/cmpjcc_shapes.h"
#define CC 3
#include "lib/soft/cmpjcc_shapes.h"
#define CC 4
#include "lib/soft/cmpjcc_shapes.h"
#define CC 5
#include "lib/soft/cmpjcc_shapes.h"
#define CC 6
#include "lib/soft/cmpjcc_shapes.h"
#define CC 7
#include "lib/soft/cmpjcc_shapes.h"
#define CC 8
#include "lib/soft/cmpjcc_shapes.h"
#define CC 9
#include "lib/soft/cmpjcc_shapes.h"
#define CC 10
#include "lib/soft/cmpjcc_shapes.h"
#define CC 11
#include "lib/soft/cmpjcc_shapes.h"
#define CC 12
#include "lib/soft/cmpjcc_shapes.h"
#define CC 13
#include "lib/soft/cmpjcc_shapes.h"
#define CC 14
#include "lib/soft/cmpjcc_shapes.h"
#define CC 15
#include "lib/soft/cmpjcc_shapes.h"
#undef BYTES
