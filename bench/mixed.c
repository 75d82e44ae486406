/* SPDX-License-Identifier: MIT */
/* A mixed kernel: a list, integer matrices, a state machine and a CRC. */
#include "kernel.h"

static u16 crc(u32 value, u16 sum)
{
	unsigned i;

	for (i = 0; i < 16; i++, value >>= 1)
		sum = (u16)(sum >> 1 ^ ((sum ^ value) & 1 ? 0xa001 : 0));
	return sum;
}

/* -- List: find, reverse ------------------------------------------------ */

#define ITEMS 64u

struct item {
	struct item *next;
	u16 key, data;
};

static struct item *list_fill(struct item *items, u32 seed)
{
	u32 i;

	for (i = 0; i < ITEMS; i++) {
		items[i].key = (u16)i;
		items[i].data = (u16)(seed * (i + 1));
		items[i].next = i + 1 < ITEMS ? &items[i + 1] : 0;
	}
	return items;
}

static const struct item *list_find(const struct item *list, u16 key)
{
	while (list && list->key != key)
		list = list->next;
	return list;
}

static struct item *list_reverse(struct item *list)
{
	struct item *done = 0, *next;

	for (; list; list = next) {
		next = list->next;
		list->next = done;
		done = list;
	}
	return done;
}

static u16 list_work(u32 seed, u16 sum)
{
	static struct item items[ITEMS];
	struct item *list = list_fill(items, seed);
	u32 i;

	for (i = 0; i < 16; i++) {
		sum = crc(list_find(list, (u16)(i * 4 + (seed & 3)))->data,
			sum);
		list = list_reverse(list);
	}
	return sum;
}

/* -- Matrix of 16-bit integers ------------------------------------------ */

#define SIDE 12u

static u16 matrix_work(u32 seed, u16 sum)
{
	static short a[SIDE][SIDE], b[SIDE][SIDE];
	u32 i, j, k;
	int t;

	for (i = 0; i < SIDE; i++) {
		for (j = 0; j < SIDE; j++) {
			a[i][j] = (short)(seed + i * j);
			b[i][j] = (short)(seed ^ (i + j));
		}
	}
	for (i = 0; i < SIDE; i++) {
		for (j = 0; j < SIDE; j++) {
			for (t = 0, k = 0; k < SIDE; k++)
				t += a[i][k] * b[k][j] >> 2 & 0x7f;
			sum = (u16)(sum + t);
		}
	}
	return crc(sum, sum);
}

/* -- Numbers by a state machine ----------------------------------------- */

enum state { START, SIGN, INTEGER, POINT, FRACTION, WRONG, STATES };

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum state step(enum state s, char c)
{
	switch (s) {
	case START:
		if (c == '+' || c == '-')
			return SIGN;
		/* fall through */
	case SIGN:
		return is_digit(c) ? INTEGER : c == '.' ? POINT : WRONG;
	case INTEGER:
		return is_digit(c) ? INTEGER : c == '.' ? FRACTION : WRONG;
	case POINT:
	case FRACTION:
		return is_digit(c) ? FRACTION : WRONG;
	default:
		return WRONG;
	}
}

static u16 state_work(u32 seed, u16 sum)
{
	static const char text[] =
		"5012,+874,-1.5,.25,1874.55,x9,--3,0.0001,77e,+,3.,9999999";
	u32 count[STATES] = { 0 }, i;
	enum state s = START;

	for (i = 0; i < sizeof(text); i++) {
		if (text[i] != ',' && text[i] != '\0') {
			s = step(s, (char)(text[i] ^ (i == seed % 61)));
			continue;
		}
		count[s]++;
		s = START;
	}
	for (i = 0; i < STATES; i++)
		sum = crc(count[i], sum);
	return sum;
}

u64 bench_mixed(void)
{
	u16 sum = 0;
	u32 round;

	for (round = 0; round < 8000; round++) {
		sum = list_work(round, sum);
		sum = matrix_work(round, sum);
		sum = state_work(round, sum);
	}
	return sum;
}
