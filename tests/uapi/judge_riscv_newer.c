/* SPDX-License-Identifier: MIT */
/* riscv64's ids that headers newer than Linux 6.1 have; see newer.sh. */
#include "tests/uapi/judge.h"

#define ID(type, number)                                                       \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_##type | (number))
#define CONFIG(name) ID(CONFIG, KVM_REG_RISCV_CONFIG_REG(name))
#define AIA(name)                                                              \
	ID(CSR | KVM_REG_RISCV_CSR_AIA, KVM_REG_RISCV_CSR_AIA_REG(name))
#define ISA(name) ID(ISA_EXT, KVM_RISCV_ISA_EXT_##name)
#define SBI(name) ID(SBI_EXT, KVM_RISCV_SBI_EXT_##name)
#define VECTOR(name) ID(VECTOR, KVM_REG_RISCV_VECTOR_CSR_REG(name))
#define STA(name)                                                              \
	ID(SBI_STATE | KVM_REG_RISCV_SBI_STA, KVM_REG_RISCV_SBI_STA_REG(name))
#define FWFT(name)                                                             \
	ID(SBI_STATE | KVM_REG_RISCV_SBI_FWFT, KVM_REG_RISCV_SBI_FWFT_REG(name))

static const struct {
	const char *name;
	unsigned long long id;
} ids[] = {
	{ "zicbom_block_size", CONFIG(zicbom_block_size) },
	{ "mvendorid", CONFIG(mvendorid) },
	{ "marchid", CONFIG(marchid) },
	{ "mimpid", CONFIG(mimpid) },
	{ "zicboz_block_size", CONFIG(zicboz_block_size) },
	{ "satp_mode", CONFIG(satp_mode) },
	{ "zicbop_block_size", CONFIG(zicbop_block_size) },
	{ "senvcfg", ID(CSR, KVM_REG_RISCV_CSR_REG(senvcfg)) },
	{ "siselect", AIA(siselect) },
	{ "iprio1", AIA(iprio1) },
	{ "iprio2", AIA(iprio2) },
	{ "sieh", AIA(sieh) },
	{ "siph", AIA(siph) },
	{ "iprio1h", AIA(iprio1h) },
	{ "iprio2h", AIA(iprio2h) },
	{ "sstateen0", ID(CSR | KVM_REG_RISCV_CSR_SMSTATEEN,
		KVM_REG_RISCV_CSR_SMSTATEEN_REG(sstateen0)) },
	{ "isa_zicboz", ISA(ZICBOZ) },
	{ "isa_zbb", ISA(ZBB) },
	{ "isa_ssaia", ISA(SSAIA) },
	{ "isa_v", ISA(V) },
	{ "isa_svnapot", ISA(SVNAPOT) },
	{ "isa_zba", ISA(ZBA) },
	{ "isa_zbs", ISA(ZBS) },
	{ "isa_zicntr", ISA(ZICNTR) },
	{ "isa_zicsr", ISA(ZICSR) },
	{ "isa_zifencei", ISA(ZIFENCEI) },
	{ "isa_zihpm", ISA(ZIHPM) },
	{ "isa_smstateen", ISA(SMSTATEEN) },
	{ "isa_zicond", ISA(ZICOND) },
	{ "isa_zbc", ISA(ZBC) },
	{ "isa_zbkb", ISA(ZBKB) },
	{ "isa_zbkc", ISA(ZBKC) },
	{ "isa_zbkx", ISA(ZBKX) },
	{ "isa_zknd", ISA(ZKND) },
	{ "isa_zkne", ISA(ZKNE) },
	{ "isa_zknh", ISA(ZKNH) },
	{ "isa_zkr", ISA(ZKR) },
	{ "isa_zksed", ISA(ZKSED) },
	{ "isa_zksh", ISA(ZKSH) },
	{ "isa_zkt", ISA(ZKT) },
	{ "isa_zvbb", ISA(ZVBB) },
	{ "isa_zvbc", ISA(ZVBC) },
	{ "isa_zvkb", ISA(ZVKB) },
	{ "isa_zvkg", ISA(ZVKG) },
	{ "isa_zvkned", ISA(ZVKNED) },
	{ "isa_zvknha", ISA(ZVKNHA) },
	{ "isa_zvknhb", ISA(ZVKNHB) },
	{ "isa_zvksed", ISA(ZVKSED) },
	{ "isa_zvksh", ISA(ZVKSH) },
	{ "isa_zvkt", ISA(ZVKT) },
	{ "isa_zfh", ISA(ZFH) },
	{ "isa_zfhmin", ISA(ZFHMIN) },
	{ "isa_zihintntl", ISA(ZIHINTNTL) },
	{ "isa_zvfh", ISA(ZVFH) },
	{ "isa_zvfhmin", ISA(ZVFHMIN) },
	{ "isa_zfa", ISA(ZFA) },
	{ "isa_ztso", ISA(ZTSO) },
	{ "isa_zacas", ISA(ZACAS) },
	{ "isa_sscofpmf", ISA(SSCOFPMF) },
	{ "isa_zimop", ISA(ZIMOP) },
	{ "isa_zca", ISA(ZCA) },
	{ "isa_zcb", ISA(ZCB) },
	{ "isa_zcd", ISA(ZCD) },
	{ "isa_zcf", ISA(ZCF) },
	{ "isa_zcmop", ISA(ZCMOP) },
	{ "isa_zawrs", ISA(ZAWRS) },
	{ "isa_smnpm", ISA(SMNPM) },
	{ "isa_ssnpm", ISA(SSNPM) },
	{ "isa_svade", ISA(SVADE) },
	{ "isa_svadu", ISA(SVADU) },
	{ "isa_svvptc", ISA(SVVPTC) },
	{ "isa_zabha", ISA(ZABHA) },
	{ "isa_ziccrse", ISA(ZICCRSE) },
	{ "isa_zaamo", ISA(ZAAMO) },
	{ "isa_zalrsc", ISA(ZALRSC) },
	{ "isa_zicbop", ISA(ZICBOP) },
	{ "isa_zfbfmin", ISA(ZFBFMIN) },
	{ "isa_zvfbfmin", ISA(ZVFBFMIN) },
	{ "isa_zvfbfwma", ISA(ZVFBFWMA) },
	{ "isa_zclsd", ISA(ZCLSD) },
	{ "isa_zilsd", ISA(ZILSD) },
	{ "isa_zalasr", ISA(ZALASR) },
	{ "sbi_v01", SBI(V01) },
	{ "sbi_time", SBI(TIME) },
	{ "sbi_ipi", SBI(IPI) },
	{ "sbi_rfence", SBI(RFENCE) },
	{ "sbi_srst", SBI(SRST) },
	{ "sbi_hsm", SBI(HSM) },
	{ "sbi_pmu", SBI(PMU) },
	{ "sbi_experimental", SBI(EXPERIMENTAL) },
	{ "sbi_vendor", SBI(VENDOR) },
	{ "sbi_dbcn", SBI(DBCN) },
	{ "sbi_sta", SBI(STA) },
	{ "sbi_susp", SBI(SUSP) },
	{ "sbi_fwft", SBI(FWFT) },
	{ "sbi_mpxy", SBI(MPXY) },
	{ "vstart", VECTOR(vstart) },
	{ "vl", VECTOR(vl) },
	{ "vtype", VECTOR(vtype) },
	{ "vcsr", VECTOR(vcsr) },
	{ "vlenb", VECTOR(vlenb) },
	{ "sta_shmem_lo", STA(shmem_lo) },
	{ "sta_shmem_hi", STA(shmem_hi) },
	{ "fwft_misaligned_enable", FWFT(misaligned_deleg.enable) },
	{ "fwft_misaligned_flags", FWFT(misaligned_deleg.flags) },
	{ "fwft_misaligned_value", FWFT(misaligned_deleg.value) },
	{ "fwft_ptr_mask_enable", FWFT(pointer_masking.enable) },
	{ "fwft_ptr_mask_flags", FWFT(pointer_masking.flags) },
	{ "fwft_ptr_mask_value", FWFT(pointer_masking.value) },
};

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		one(ids[i].name, ids[i].id);
	return 0;
}
