/* SPDX-License-Identifier: MIT */
/*
 * Operations of which no case succeeds, and why: FAULTS(exec, reason).
 * The test wants each row without a success here, and nothing else.
 */
FAULTS(int3, "is an exception")
FAULTS(int, "is an exception, or refused")
FAULTS(int1, "is an exception")
FAULTS(ud0, "is an exception")
FAULTS(ud1, "is an exception")
FAULTS(ud2, "is an exception")
FAULTS(rsm, "is for system management mode")
FAULTS(rdpmc, "there are no counters")
FAULTS(monitor, "not in the CPUID model")
FAULTS(mwait, "not in the CPUID model")
FAULTS(vmcall, "not in the CPUID model")
FAULTS(vmmcall, "not in the CPUID model")
FAULTS(invpcid, "random registers are no type of it")
