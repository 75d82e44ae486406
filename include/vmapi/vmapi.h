/* SPDX-License-Identifier: MIT */
/* The whole interface of libvmapi. */
#ifndef VMAPI_VMAPI_H
#define VMAPI_VMAPI_H

#include <vmapi/base.h>
#include <vmapi/version.h>
#include <vmapi/error.h>
#include <vmapi/log.h>
#include <vmapi/backend.h>
#include <vmapi/vm.h>
#include <vmapi/memory.h>
#include <vmapi/dirty.h>
#include <vmapi/vcpu.h>
#include <vmapi/runner.h>
#include <vmapi/debug.h>
#include <vmapi/regs.h>
#include <vmapi/irq.h>
#include <vmapi/device.h>
#include <vmapi/counter.h>
#include <vmapi/attr.h>
#include <vmapi/region.h>
#include <vmapi/hypercall.h>
#include <vmapi/program.h>
#include <vmapi/channel.h>
#include <vmapi/bus.h>
#include <vmapi/loop.h>
#include <vmapi/event.h>
#include <vmapi/state.h>
#include <vmapi/stats.h>
#include <vmapi/arm64.h>
#include <vmapi/ppc.h>
#include <vmapi/riscv.h>
#include <vmapi/s390.h>
#include <vmapi/cpuid.h>
#include <vmapi/x86.h>

#endif
