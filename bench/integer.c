/* SPDX-License-Identifier: MIT */
/* Kernels of integer work: loops, memory, branches. */
#include "kernel.h"

u64 bench_alu(void)
{
	u64 a = 1, b = 0x9e3779b97f4a7c15ul, c = 3;
	u32 i;

	for (i = 0; i < 20000000; i++) {
		a += b ^ (c >> 3);
		b = (b << 7 | b >> 57) - a;
		c ^= a & ~b;
		c += i;
	}
	return a ^ b ^ c;
}

/* -- Sieve of Eratosthenes ---------------------------------------------- */

#define SIEVE 0x40000u

u64 bench_sieve(void)
{
	static u8 composite[SIEVE];
	u32 round, i, j, count = 0;

	for (round = 0; round < 40; round++) {
		for (i = 0; i < SIEVE; i++)
			composite[i] = 0;
		for (i = 2; i < SIEVE; i++) {
			if (composite[i])
				continue;
			count++;
			for (j = 2 * i; j < SIEVE; j += i)
				composite[j] = 1;
		}
	}
	return count;
}

/* -- SHA-256: FIPS 180-4 6.2 -------------------------------------------- */

static const u32 sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static inline u32 ror(u32 x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void sha_schedule(u32 w[64], const u8 *p)
{
	u32 a, b;
	unsigned i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 |
			p[3];
	for (; i < 64; i++) {
		a = w[i - 15];
		b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3)
			+ (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
	}
}

static void sha_block(u32 h[8], const u8 *p)
{
	u32 w[64], s[8], t1, t2;
	unsigned i, j;

	sha_schedule(w, p);
	for (i = 0; i < 8; i++)
		s[i] = h[i];
	for (i = 0; i < 64; i++) {
		t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
			((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] + w[i];
		t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
			((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (j = 7; j > 0; j--)
			s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		h[i] += s[i];
}

u64 bench_sha256(void)
{
	static u8 data[4096];
	u32 h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	u32 round, i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7);
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < sizeof(data); i += 64)
			sha_block(h, data + i);
	}
	return (u64)h[0] << 32 | h[1];
}

/* -- Linked list -------------------------------------------------------- */

#define NODES 4096u

struct node {
	struct node *next;
	u64 value;
};

static struct node nodes[NODES];

static struct node *list_make(void)
{
	u64 seed = 42;
	u32 order[NODES], i, j, t;

	for (i = 0; i < NODES; i++)
		order[i] = i;
	for (i = NODES - 1; i > 0; i--) {
		j = (u32)(bench_random(&seed) % (i + 1));
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (i = 0; i < NODES; i++) {
		nodes[order[i]].value = i;
		nodes[order[i]].next = i + 1 < NODES ? &nodes[order[i + 1]] :
			(struct node *)0;
	}
	return &nodes[order[0]];
}

u64 bench_list(void)
{
	const struct node *first = list_make(), *n;
	u64 sum = 0;
	u32 round;

	for (round = 0; round < 8000; round++) {
		for (n = first; n; n = n->next)
			sum += n->value;
	}
	return sum;
}

/* -- Quicksort ---------------------------------------------------------- */

#define NUMBERS 0x10000

static void sort(u32 *a, long low, long high)
{
	long i = low, j = high;
	u32 pivot = a[(low + high) / 2], t;

	while (i <= j) {
		while (a[i] < pivot)
			i++;
		while (a[j] > pivot)
			j--;
		if (i > j)
			break;
		t = a[i];
		a[i++] = a[j];
		a[j--] = t;
	}
	if (low < j)
		sort(a, low, j);
	if (i < high)
		sort(a, i, high);
}

u64 bench_quicksort(void)
{
	static u32 numbers[NUMBERS];
	u64 seed = 7, sum = 0;
	u32 round, i;

	for (round = 0; round < 12; round++) {
		for (i = 0; i < NUMBERS; i++)
			numbers[i] = (u32)bench_random(&seed);
		sort(numbers, 0, NUMBERS - 1);
		for (i = 0; i < NUMBERS; i += 1024)
			sum = sum * 31 + numbers[i];
	}
	return sum;
}

/* -- Bytecode ----------------------------------------------------------- */

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, AND, LESS, JNZ, JMP, HALT };

/* s = 0; for (i = 0; i < n; i++) s += (i & 15) * 3 - 1; */
static const u8 program[] = {
	PUSH, 0, STORE, 0, PUSH, 0, STORE, 1,
	LOAD, 0, LOAD, 1, PUSH, 15, AND, PUSH, 3, MUL, PUSH, 1, SUB, ADD,
	STORE, 0, LOAD, 1, PUSH, 1, ADD, STORE, 1,
	LOAD, 1, LOAD, 2, LESS, JNZ, 8, HALT
};

/* Arithmetic of the two topmost values; the rest is below. */
static u64 binary(u8 op, u64 a, u64 b)
{
	switch (op) {
	case ADD: return a + b;
	case SUB: return a - b;
	case MUL: return a * b;
	case AND: return a & b;
	default: return a < b;
	}
}

static u64 interpret(const u8 *code, u64 n)
{
	u64 stack[16], *sp = stack, vars[4] = { 0, 0, n, 0 };
	const u8 *pc = code;

	for (;;) {
		switch (*pc++) {
		case PUSH: *sp++ = *pc++; break;
		case LOAD: *sp++ = vars[*pc++ & 3]; break;
		case STORE: vars[*pc++ & 3] = *--sp; break;
		case JNZ: pc = *--sp ? code + *pc : pc + 1; break;
		case JMP: pc = code + *pc; break;
		case HALT: return vars[0];
		default:
			sp--;
			sp[-1] = binary(pc[-1], sp[-1], sp[0]);
		}
	}
}

u64 bench_bytecode(void)
{
	return interpret(program, 1000000);
}

/* -- Copying ------------------------------------------------------------ */

#define WORDS 8192u

u64 bench_copy(void)
{
	static volatile u64 from[WORDS], to[WORDS];
	u64 sum = 0;
	u32 round, i;

	for (i = 0; i < WORDS; i++)
		from[i] = i * 0x0101010101010101ul;
	for (round = 0; round < 3000; round++) {
		for (i = 0; i < WORDS; i++)
			to[i] = from[i];
		sum += to[round];
	}
	return sum;
}
