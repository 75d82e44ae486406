/* SPDX-License-Identifier: MIT */
/* x87 instructions on the software processor, by their bytes. */
#include "tests/soft/x87_soft.h"

/* clang-format off */
#define X87_TOKENS(T) \
	T(f2xm1) T(fabs) T(fadd) T(fadd_m32) T(fadd_m64) T(faddp) \
	T(fbld) T(fbstp) T(fchs) T(fcmovb) T(fcmovbe) T(fcmove) \
	T(fcmovnb) T(fcmovnbe) T(fcmovne) T(fcmovnu) T(fcmovu) \
	T(fcom) T(fcom_m32) T(fcom_m64) T(fcomi) T(fcomip) T(fcomp) \
	T(fcomp_m32) T(fcomp_m64) T(fcompp) T(fcos) T(fdecstp) \
	T(fdiv) T(fdiv_m32) T(fdiv_m64) T(fdivp) T(fdivr) \
	T(fdivr_m32) T(fdivr_m64) T(fdivrp) T(ffree) T(ffreep) T(fiadd_m16) \
	T(fiadd_m32) T(ficom_m16) T(ficom_m32) T(ficomp_m16) \
	T(ficomp_m32) T(fidiv_m16) T(fidiv_m32) T(fidivr_m16) \
	T(fidivr_m32) T(fild_m16) T(fild_m32) T(fild_m64) \
	T(fimul_m16) T(fimul_m32) T(fincstp) T(fist_m16) T(fist_m32) \
	T(fistp_m16) T(fistp_m32) T(fistp_m64) T(fisttp_m16) \
	T(fisttp_m32) T(fisttp_m64) T(fisub_m16) T(fisub_m32) \
	T(fisubr_m16) T(fisubr_m32) T(fld1) T(fld_m32) T(fld_m64) \
	T(fld_m80) T(fld_sti) T(fldcw) T(fldenv) T(fldl2e) T(fldl2t) \
	T(fldlg2) T(fldln2) T(fldpi) T(fldz) T(fmul) T(fmul_m32) \
	T(fmul_m64) T(fmulp) T(fnclex) T(fninit) T(fnop) T(fnop_old) \
	T(fnsave) T(fnstcw) T(fnstenv) T(fnstsw) T(fpatan) T(fprem) \
	T(fprem1) T(fptan) T(frndint) T(frstor) T(fscale) T(fsin) \
	T(fsincos) T(fsqrt) T(fst_m32) T(fst_m64) T(fst_sti) \
	T(fstp_m32) T(fstp_m64) T(fstp_m80) T(fstp_sti) T(fstpnce) T(fsub) \
	T(fsub_m32) T(fsub_m64) T(fsubp) T(fsubr) T(fsubr_m32) \
	T(fsubr_m64) T(fsubrp) T(ftst) T(fucom) T(fucomi) T(fucomip) \
	T(fucomp) T(fucompp) T(fxam) T(fxch) T(fxtract) T(fyl2x) \
	T(fyl2xp1) T(wait)
/* clang-format on */

#define T(token) [VMI_EXEC_##token] = vmi_do_##token,
static vmi_helper *const helpers[VMI_EXEC_COUNT] = { X87_TOKENS(T) };
#undef T

static uint8_t log2_of(unsigned bytes)
{
	return bytes == 8 ? 3 : bytes == 4 ? 2 : bytes == 2 ? 1 : 0;
}

vmi_helper *x87_prepare(const uint8_t *bytes, unsigned len)
{
	struct vmi_op *op = &stub.op;
	struct vmi_insn insn;

	if (vmi_decode(bytes, len, stub.cpu.mode, &insn) < 0 || insn.len != len)
		return NULL;
	memset(op, 0, sizeof(*op));
	op->base = op->index = VMI_R_ZERO;
	op->imm = vmi_form_imm(&insn);
	op->len = insn.len;
	op->size =
		(uint8_t)(log2_of(insn.opsize) | log2_of(insn.addrsize) << 4);
	op->bits = (uint8_t)(insn.seg << 4);
	if (insn.has_modrm && insn.mod != 3) {
		op->bits |= VMI_OPF_MEM;
		op->disp = X87_AT;
	} else {
		op->base = insn.rm;
	}
	return helpers[insn.row->exec];
}

static int run(const uint8_t *bytes, unsigned len)
{
	vmi_helper *helper = x87_prepare(bytes, len);

	return helper ? stub_run(helper) : -1;
}

int x87_soft_run(struct x87_case *t, const uint8_t *insn, unsigned len)
{
	static const uint8_t frstor[] = { 0xdd, 0x26 };
	static const uint8_t fnsave[] = { 0xdd, 0x36 };
	int r;

	memcpy(stub.memory + X87_AT, t->image, sizeof(t->image));
	stub.cpu.fpu.status = 0;
	run(frstor, sizeof(frstor));
	memcpy(stub.memory + X87_AT, t->memory, sizeof(t->memory));
	vmi_flags_set(&stub.cpu, t->rflags);
	stub.cpu.r[VMI_RAX] = t->rax;
	r = run(insn, len);
	memcpy(t->memory, stub.memory + X87_AT, sizeof(t->memory));
	t->rflags = (t->rflags & ~VMI_FLAGS_ARITH) | vmi_flags(&stub.cpu);
	t->rax = stub.cpu.r[VMI_RAX];
	if (run(fnsave, sizeof(fnsave)) != STUB_DONE)
		return -1;
	memcpy(t->image, stub.memory + X87_AT, sizeof(t->image));
	return r;
}
