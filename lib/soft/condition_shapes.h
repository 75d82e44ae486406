/* SPDX-License-Identifier: MIT */
/* A template within a template: the file SHAPES for each of the conditions. */
#define CC 0
#include SHAPES
#undef CC
#define CC 1
#include SHAPES
#undef CC
#define CC 2
#include SHAPES
#undef CC
#define CC 3
#include SHAPES
#undef CC
#define CC 4
#include SHAPES
#undef CC
#define CC 5
#include SHAPES
#undef CC
#define CC 6
#include SHAPES
#undef CC
#define CC 7
#include SHAPES
#undef CC
#define CC 8
#include SHAPES
#undef CC
#define CC 9
#include SHAPES
#undef CC
#define CC 10
#include SHAPES
#undef CC
#define CC 11
#include SHAPES
#undef CC
#define CC 12
#include SHAPES
#undef CC
#define CC 13
#include SHAPES
#undef CC
#define CC 14
#include SHAPES
#undef CC
#define CC 15
#include SHAPES
#undef CC
#undef SHAPES
