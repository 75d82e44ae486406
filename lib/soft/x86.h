/* SPDX-License-Identifier: MIT */
/* Architectural constants: SDM volumes 1 and 3A. */
#ifndef VMI_SOFT_X86_H
#define VMI_SOFT_X86_H

/* RFLAGS: SDM 1 3.4.3. */
#define VMI_FLAG_CF   0x000001ull
#define VMI_FLAG_ONE  0x000002ull
#define VMI_FLAG_PF   0x000004ull
#define VMI_FLAG_AF   0x000010ull
#define VMI_FLAG_ZF   0x000040ull
#define VMI_FLAG_SF   0x000080ull
#define VMI_FLAG_TF   0x000100ull
#define VMI_FLAG_IF   0x000200ull
#define VMI_FLAG_DF   0x000400ull
#define VMI_FLAG_OF   0x000800ull
#define VMI_FLAG_IOPL 0x003000ull
#define VMI_FLAG_NT   0x004000ull
#define VMI_FLAG_RF   0x010000ull
#define VMI_FLAG_VM   0x020000ull
#define VMI_FLAG_AC   0x040000ull
#define VMI_FLAG_VIF  0x080000ull
#define VMI_FLAG_VIP  0x100000ull
#define VMI_FLAG_ID   0x200000ull
#define VMI_FLAGS_ARITH                                                        \
	(VMI_FLAG_CF | VMI_FLAG_PF | VMI_FLAG_AF | VMI_FLAG_ZF | VMI_FLAG_SF | \
		VMI_FLAG_OF)
#define VMI_FLAGS_ALL 0x3f7fd7ull

/* Control registers: SDM 3A 2.5. */
#define VMI_CR0_PE 0x00000001ull
#define VMI_CR0_MP 0x00000002ull
#define VMI_CR0_EM 0x00000004ull
#define VMI_CR0_TS 0x00000008ull
#define VMI_CR0_ET 0x00000010ull
#define VMI_CR0_NE 0x00000020ull
#define VMI_CR0_WP 0x00010000ull
#define VMI_CR0_AM 0x00040000ull
#define VMI_CR0_NW 0x20000000ull
#define VMI_CR0_CD 0x40000000ull
#define VMI_CR0_PG 0x80000000ull

#define VMI_CR4_VME	   0x000001ull
#define VMI_CR4_PVI	   0x000002ull
#define VMI_CR4_TSD	   0x000004ull
#define VMI_CR4_DE	   0x000008ull
#define VMI_CR4_PSE	   0x000010ull
#define VMI_CR4_PAE	   0x000020ull
#define VMI_CR4_MCE	   0x000040ull
#define VMI_CR4_PGE	   0x000080ull
#define VMI_CR4_PCE	   0x000100ull
#define VMI_CR4_OSFXSR	   0x000200ull
#define VMI_CR4_OSXMMEXCPT 0x000400ull
#define VMI_CR4_UMIP	   0x000800ull
#define VMI_CR4_FSGSBASE   0x010000ull
#define VMI_CR4_PCIDE	   0x020000ull
#define VMI_CR4_OSXSAVE	   0x040000ull
#define VMI_CR4_SMEP	   0x100000ull
#define VMI_CR4_SMAP	   0x200000ull

#define VMI_EFER_SCE 0x0001ull
#define VMI_EFER_LME 0x0100ull
#define VMI_EFER_LMA 0x0400ull
#define VMI_EFER_NXE 0x0800ull

/* Exceptions: SDM 3A table 6-1. */
enum {
	VMI_DE = 0, VMI_DB = 1, VMI_NMI = 2, VMI_BP = 3, VMI_OF = 4,
	VMI_BR = 5, VMI_UD = 6, VMI_NM = 7, VMI_DF = 8, VMI_TS = 10,
	VMI_NP = 11, VMI_EXC_SS = 12, VMI_GP = 13, VMI_PF = 14, VMI_MF = 16,
	VMI_AC = 17, VMI_MC = 18, VMI_XM = 19
};

/* Page-fault error code: SDM 3A 4.7. */
#define VMI_PF_P    0x01u
#define VMI_PF_W    0x02u
#define VMI_PF_U    0x04u
#define VMI_PF_RSVD 0x08u
#define VMI_PF_I    0x10u

/* Physical address width that CPUID reports. */
#define VMI_PHYS_BITS 40

#endif
