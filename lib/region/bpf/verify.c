/* SPDX-License-Identifier: MIT */
/*
 * The verifier.
 *
 * It executes the program on knowledge instead of values: of each register
 * and each 8 bytes of the stack, what kind of thing is there, and what can be
 * said of the number or of the distance from where an address begins (num.h).
 * An instruction is refused where the knowledge does not show that it does no
 * harm.
 *
 * Ways are not followed one by one.  Where several meet, what is known is what
 * is true on all of them; a place is looked at again only when that became
 * less.  The first rounds of a short loop are told apart.  Then, at its head,
 * bounds that keep moving go on to the next constant of the program (a loop's
 * end is one of those), and after a few more rounds the number is unknown.  So
 * nothing need be known of how often a loop turns, which fuel limits when the
 * program runs; and the work is in proportion to the program's length: it is
 * counted, and a program that takes more than its share is refused.
 *
 * A function is looked at for each call of it, with what its caller knows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/region/bpf/prover.h"
#include "lib/sys/sys.h"

/* Instructions that may be looked at: some, and so many for each one. */
#define WORK_LEAST 10000u
#define WORK_EACH  500u

/* Changes at a loop's head after which bounds go on, and are given up. */
#define CHANGES_EXACT 3u
#define CHANGES_STEPS 12u

/* Instructions of a loop, and how many of its rounds are looked at alone. */
#define LOOP_SHORT  80u
#define ROUNDS_MANY 64u
#define LOOP_LONG   400u
#define ROUNDS_FEW  16u

int vmi_bpf_refuse(struct vmi_bpf_prover *p, size_t at, int err,
	const char *format, ...)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	bool has_next = vmi_bpf_is_wide(insn) && at + 1 < p->code->n;
	char *why = p->proof->why;
	size_t room = sizeof(p->proof->why);
	char text[80];
	va_list list;
	int n;

	vmi_bpf_print(insn, has_next ? insn + 1 : NULL, text, sizeof(text));
	n = snprintf(why, room, "instruction %zu (%s): ", at, text);
	va_start(list, format);
	if (n > 0 && (size_t)n < room)
		vsnprintf(why + n, room - (size_t)n, format, list);
	va_end(list);
	return err;
}

/* -- A function --------------------------------------------------------- */

/* Where ways join, in one round. */
struct meeting {
	struct vmi_bpf_state *state; /* NULL: no way has come here yet */
	unsigned changes;
	bool waits; /* to be looked at again */
};

/* ... in all rounds of the loop that it is in. */
struct head {
	struct meeting *rounds; /* NULL: no way has come here yet */
	unsigned n;
	unsigned waiting;
};

struct walk {
	struct vmi_bpf_prover *p;
	size_t start, n; /* of its instructions */
	size_t next;	 /* no head before this one waits */
	struct head *heads;
	struct vmi_bpf_state here;  /* on the way that is followed */
	struct vmi_bpf_state other; /* on one that leaves it */
	struct vmi_bpf_state compared;
	struct vmi_bpf_state end;   /* what all exits have in common */
	bool has_end;
};

/* A step's result beside 0 and -errno: the way is at its end. */
#define ENDED 1

static int prove_function(struct vmi_bpf_prover *p, size_t start,
	struct vmi_bpf_state *state);

/*
 * Rounds of a loop are looked at one by one, as if it were written out, as
 * long as there are few of them and it is short: so registers that go along
 * with its counter need no relation to it.  The last round stands for all
 * that follow.
 */
static unsigned last_round(const struct vmi_bpf_prover *p, size_t at)
{
	size_t begin = p->loop[at];

	if (!begin)
		return 0;
	begin--;
	if (p->loop_end[begin] - begin > LOOP_LONG)
		return 0;
	return p->loop_end[begin] - begin > LOOP_SHORT ? ROUNDS_FEW :
		ROUNDS_MANY;
}

static enum vmi_bpf_haste haste_of(
	const struct walk *w, size_t at, const struct meeting *m)
{
	const struct head *h = &w->heads[at - w->start];

	if (!(w->p->marks[at] & VMI_BPF_LOOP) || m != &h->rounds[h->n - 1] ||
		m->changes < CHANGES_EXACT)
		return VMI_BPF_EXACT;
	return m->changes < CHANGES_STEPS ? VMI_BPF_STEPS : VMI_BPF_FORGET;
}

/* The round in which a state comes from one instruction to another. */
static unsigned round_of(const struct vmi_bpf_prover *p,
	const struct vmi_bpf_state *state, size_t from, size_t to)
{
	unsigned last = last_round(p, to), round = state->round;

	if (p->loop[from] != p->loop[to])
		return 0;
	round += to <= from;
	return round < last ? round : last;
}

/* Whether nothing is new since the round before.  -ENOMEM. */
static int is_old(struct walk *w, const struct meeting *m,
	const struct vmi_bpf_state *state)
{
	int err;

	if (!state->round || !m[-1].state)
		return 0;
	err = vmi_bpf_state_copy(&w->compared, m[-1].state);
	if (err)
		return err;
	return !vmi_bpf_state_join(
		&w->compared, state, VMI_BPF_EXACT, NULL);
}

static int meet(struct walk *w, struct meeting *m, size_t at,
	const struct vmi_bpf_state *state)
{
	struct head *h = &w->heads[at - w->start];
	int rc;

	if (m->state) {
		if (!vmi_bpf_state_join(m->state, state, haste_of(w, at, m),
			    &w->p->steps))
			return 0;
	} else {
		rc = is_old(w, m, state);
		if (rc)
			return rc < 0 ? rc : 0;
		m->state = vmi_zalloc(sizeof(*m->state));
		if (!m->state)
			return -ENOMEM;
		rc = vmi_bpf_state_copy(m->state, state);
		if (rc)
			return rc;
	}
	m->changes++;
	h->waiting += !m->waits;
	m->waits = true;
	if (at < w->next)
		w->next = at;
	return 0;
}

/* One more way to a head. */
static int arrive(struct walk *w, size_t at, struct vmi_bpf_state *state)
{
	struct head *h = &w->heads[at - w->start];

	if (!h->rounds) {
		h->n = last_round(w->p, at) + 1;
		h->rounds = vmi_calloc(h->n, sizeof(*h->rounds));
		if (!h->rounds)
			return -ENOMEM;
	}
	return meet(w, &h->rounds[state->round], at, state);
}

static int count(struct walk *w, size_t at)
{
	struct vmi_bpf_prover *p = w->p;

	if (++p->proof->steps <= p->limit)
		return 0;
	return vmi_bpf_refuse(p, at, -E2BIG,
		"it takes more than %" PRIu64 " steps to prove the program",
		p->limit);
}

/* -- Conditional jumps -------------------------------------------------- */

struct fork {
	struct vmi_bpf_condition condition;
	struct vmi_bpf_value a, b; /* as they were */
};

/* The state where the condition holds, or not; false: that cannot be. */
static bool take(const struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at, const struct fork *fork, bool holds)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	struct vmi_bpf_condition condition = fork->condition;
	struct vmi_bpf_num a = fork->a.n, b = fork->b.n;
	bool has_b = insn->opcode & VMI_BPF_X;

	condition.holds = holds;
	if (has_b && insn->dst == insn->src)
		return true;
	if (vmi_bpf_is_address(&fork->a) && condition.code != VMI_BPF_JEQ &&
		condition.code != VMI_BPF_JNE)
		return true; /* an object may lie anywhere */
	if (!vmi_bpf_num_assume(&condition, &a, &b))
		return false;
	state->r[insn->dst].n = a;
	vmi_bpf_state_learn(state, &state->r[insn->dst]);
	if (!has_b)
		return true;
	state->r[insn->src].n = b;
	vmi_bpf_state_learn(state, &state->r[insn->src]);
	return true;
}

/* Addresses are compared by where they are in one object. */
static int look_at_fork(struct walk *w, size_t at, struct fork *fork)
{
	struct vmi_bpf_prover *p = w->p;
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	bool is_half = VMI_BPF_CLASS(insn->opcode) == VMI_BPF_JMP32;
	int err = vmi_bpf_prove_read(p, &w->here, at, insn->dst);

	fork->condition = (struct vmi_bpf_condition){
		.code = VMI_BPF_CODE(insn->opcode), .bits = is_half ? 32 : 64 };
	fork->a = w->here.r[insn->dst];
	fork->b = vmi_bpf_value_number(
		vmi_bpf_num_const((uint64_t)(int64_t)insn->imm));
	if (!err && (insn->opcode & VMI_BPF_X)) {
		err = vmi_bpf_prove_read(p, &w->here, at, insn->src);
		fork->b = w->here.r[insn->src];
	}
	if (err)
		return err;
	if (fork->a.kind == fork->b.kind && fork->a.object == fork->b.object &&
		!(is_half && vmi_bpf_is_address(&fork->a)))
		return 0;
	return vmi_bpf_refuse(p, at, -EACCES,
		"an address can be compared only with one in the same object");
}

/* Follow the way on, and let the other wait at its head.  ENDED: neither. */
static int prove_fork(struct walk *w, size_t at, size_t *next)
{
	struct fork fork;
	int err = look_at_fork(w, at, &fork);

	if (!err)
		err = vmi_bpf_state_copy(&w->other, &w->here);
	if (!err && take(w->p, &w->other, at, &fork, true)) {
		size_t to = vmi_bpf_target(w->p, at);

		w->other.round = round_of(w->p, &w->here, at, to);
		err = arrive(w, to, &w->other);
	}
	if (err)
		return err;
	*next = at + 1;
	return take(w->p, &w->here, at, &fork, false) ? 0 : ENDED;
}

/* -- Calls and exits ---------------------------------------------------- */

static int prove_call(struct walk *w, size_t at)
{
	struct vmi_bpf_prover *p = w->p;
	struct vmi_bpf_state *s = &w->here;
	struct vmi_bpf_value kept[5];
	size_t start = vmi_bpf_target(p, at);
	unsigned i, round = s->round;
	int rc;

	for (i = 0; i <= p->depth; i++)
		if (p->callers[i] == start)
			return vmi_bpf_refuse(p, at, -EACCES,
				"the function calls itself");
	if (p->depth + 1 == VMI_BPF_FRAMES)
		return vmi_bpf_refuse(p, at, -EACCES,
			"it would be the %uth call in another",
			(unsigned)VMI_BPF_FRAMES);
	memcpy(kept, s->r + 6, sizeof(kept));
	for (i = 6; i < 10; i++)
		s->r[i].kind = VMI_BPF_NOTHING;
	s->r[0].kind = VMI_BPF_NOTHING;
	s->r[10] = vmi_bpf_value_address(VMI_BPF_FRAME, ++s->depth);
	p->callers[++p->depth] = start;
	s->round = 0;
	rc = prove_function(p, start, s);
	s->round = round;
	p->depth--;
	memcpy(s->r + 6, kept, sizeof(kept));
	for (i = 1; i <= 5; i++)
		s->r[i].kind = VMI_BPF_NOTHING;
	return rc;
}

static int prove_result(struct walk *w, size_t at)
{
	const struct vmi_bpf_num *n = &w->here.r[0].n;
	int err = vmi_bpf_prove_number(w->p, &w->here, at, 0);

	if (err)
		return err;
	/* The caller looks at 32 bits: it is an int. */
	if (n->low.umax > w->p->code->result_max)
		return vmi_bpf_refuse(w->p, at, -EACCES,
			"r0, the result, is not always 0 to %u",
			w->p->code->result_max);
	return 0;
}

static int prove_exit(struct walk *w, size_t at)
{
	int err = 0;

	if (!w->p->depth) {
		err = prove_result(w, at);
		return err ? err : ENDED;
	}
	vmi_bpf_state_return(&w->here);
	if (w->has_end)
		(void)vmi_bpf_state_join(
			&w->end, &w->here, VMI_BPF_EXACT, NULL);
	else
		err = vmi_bpf_state_copy(&w->end, &w->here);
	w->has_end = true;
	return err ? err : ENDED;
}

/* -- Following ways ----------------------------------------------------- */

static int step(struct walk *w, size_t at, size_t *next)
{
	const struct vmi_bpf_insn *insn = &w->p->code->insns[at];
	int err = count(w, at);

	*next = at + 1 + vmi_bpf_is_wide(insn);
	if (err)
		return err;
	if (insn->opcode == VMI_BPF_EXIT_INSN)
		return prove_exit(w, at);
	if (vmi_bpf_is_local_call(insn))
		return prove_call(w, at);
	if (!vmi_bpf_is_jump(insn))
		return vmi_bpf_prove_plain(w->p, &w->here, at);
	if (VMI_BPF_CODE(insn->opcode) != VMI_BPF_JA)
		return prove_fork(w, at, next);
	*next = vmi_bpf_target(w->p, at);
	return 0;
}

/* From a head to the next ones. */
static int follow(struct walk *w, size_t at, struct meeting *m)
{
	int rc = vmi_bpf_state_copy(&w->here, m->state);
	size_t next;

	m->waits = false;
	w->heads[at - w->start].waiting--;
	while (rc == 0) {
		rc = step(w, at, &next);
		if (rc)
			break;
		w->here.round = round_of(w->p, &w->here, at, next);
		at = next;
		if (w->p->marks[at] & VMI_BPF_HEAD) {
			rc = arrive(w, at, &w->here);
			break;
		}
	}
	return rc < 0 ? rc : 0;
}

static int follow_all(struct walk *w)
{
	int err = 0;

	while (w->next < w->start + w->n && !err) {
		struct head *h = &w->heads[w->next - w->start];
		unsigned i = 0;

		if (!h->waiting) {
			w->next++;
			continue;
		}
		while (!h->rounds[i].waits)
			i++;
		err = follow(w, w->next, &h->rounds[i]);
	}
	return err;
}

static size_t length(const struct vmi_bpf_prover *p, size_t start)
{
	size_t end = start + 1;

	while (end < p->code->n && !(p->marks[end] & VMI_BPF_START))
		end++;
	return end - start;
}

static void head_free(struct head *h)
{
	unsigned i;

	for (i = 0; h->rounds && i < h->n; i++) {
		if (!h->rounds[i].state)
			continue;
		vmi_bpf_state_free(h->rounds[i].state);
		vmi_free(h->rounds[i].state);
	}
	vmi_free(h->rounds);
}

static void walk_free(struct walk *w)
{
	size_t i;

	for (i = 0; i < w->n && w->heads; i++)
		head_free(&w->heads[i]);
	vmi_free(w->heads);
	vmi_bpf_state_free(&w->compared);
	vmi_bpf_state_free(&w->here);
	vmi_bpf_state_free(&w->other);
	vmi_bpf_state_free(&w->end);
	vmi_free(w);
}

/* `state` is that of the call, then of the return; ENDED: there is none. */
static int prove_function(
	struct vmi_bpf_prover *p, size_t start, struct vmi_bpf_state *state)
{
	struct walk *w = vmi_zalloc(sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return err;
	w->p = p;
	w->start = w->next = start;
	w->n = length(p, start);
	w->heads = vmi_calloc(w->n, sizeof(*w->heads));
	if (w->heads)
		err = arrive(w, start, state);
	if (!err)
		err = follow_all(w);
	if (!err && !w->has_end)
		err = ENDED;
	if (!err)
		err = vmi_bpf_state_copy(state, &w->end);
	walk_free(w);
	return err;
}

/* -- The program -------------------------------------------------------- */

static int by_u(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_s(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Where a loop may end: what a counter is compared with, or how far from an
 * address it goes.  False: the instruction tells nothing.
 */
static bool step_of(const struct vmi_bpf_insn *insn, int32_t *number)
{
	unsigned class = VMI_BPF_CLASS(insn->opcode);
	unsigned code = VMI_BPF_CODE(insn->opcode);

	if (vmi_bpf_is_wide(insn)) {
		*number = insn[insn->src == VMI_BPF_WINDOW].imm;
		return true;
	}
	*number = insn->imm;
	if (insn->opcode & VMI_BPF_X)
		return false;
	return vmi_bpf_is_jump(insn) ||
		((class == VMI_BPF_ALU || class == VMI_BPF_ALU64) &&
			(code == VMI_BPF_MOV || code == VMI_BPF_ADD));
}

/* Each with its neighbours. */
static void gather(struct vmi_bpf_prover *p, uint64_t *u, uint64_t *s)
{
	size_t i, n = 0;
	int32_t number;
	int64_t k;

	for (i = 0; i < p->code->n; i++) {
		if ((p->marks[i] & VMI_BPF_TAIL) ||
			!step_of(&p->code->insns[i], &number))
			continue;
		for (k = -1; k <= 1; k++)
			u[n++] = (uint64_t)(number + k);
	}
	if (n)
		memcpy(s, u, n * sizeof(*u));
	qsort(u, n, sizeof(*u), by_u);
	qsort(s, n, sizeof(*s), by_s);
	p->steps = (struct vmi_bpf_steps){ u, s, n };
}

static int prove_entry(struct vmi_bpf_prover *p)
{
	struct vmi_bpf_state *state = vmi_zalloc(sizeof(*state));
	int rc;

	if (!state)
		return -ENOMEM;
	state->r[1] = vmi_bpf_value_address(VMI_BPF_CONTEXT, 0);
	state->r[10] = vmi_bpf_value_address(VMI_BPF_FRAME, 0);
	p->callers[0] = p->code->entry;
	rc = prove_function(p, p->code->entry, state);
	vmi_bpf_state_free(state);
	vmi_free(state);
	return rc < 0 ? rc : 0;
}

static int prove(struct vmi_bpf_prover *p)
{
	size_t n = p->code->n;
	uint64_t *numbers = vmi_calloc(6 * n, sizeof(*numbers));
	int err = -ENOMEM;

	p->marks = vmi_calloc(n, sizeof(*p->marks));
	p->function = vmi_calloc(3 * n, sizeof(*p->function));
	if (numbers && p->marks && p->function) {
		p->loop = p->function + n;
		p->loop_end = p->loop + n;
		err = vmi_bpf_shape(p);
	}
	if (!err) {
		gather(p, numbers, numbers + 3 * n);
		err = prove_entry(p);
	}
	vmi_free(numbers);
	vmi_free(p->marks);
	vmi_free(p->function);
	return err;
}

int vmi_bpf_verify(
	const struct vmi_bpf_code *code, struct vmi_bpf_proof *proof)
{
	struct vmi_bpf_prover p = { .code = code, .proof = proof,
		.limit = WORK_LEAST + WORK_EACH * (uint64_t)code->n };
	size_t i;
	int err;

	memset(proof, 0, sizeof(*proof));
	for (i = 0; i < code->n_windows; i++)
		proof->low[i] = UINT64_MAX;
	if (!code->n || code->entry >= code->n ||
		code->n > VMI_BPF_INSNS_MAX) {
		snprintf(proof->why, sizeof(proof->why),
			"a program has 1 to %d instructions, not %zu",
			VMI_BPF_INSNS_MAX, code->n);
		return code->n > VMI_BPF_INSNS_MAX ? -E2BIG : -EINVAL;
	}
	err = prove(&p);
	if (err == -ENOMEM)
		snprintf(proof->why, sizeof(proof->why), "no memory");
	return err;
}
