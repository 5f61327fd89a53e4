/* SPDX-License-Identifier: MIT */
/**
 * probes.h - places where bpftrace, SystemTap and perf can look in (USDT, provider "sheaf")
 *
 * With <sys/sdt.h> (systemtap-sdt-dev; configure looks for it) a probe is a nop and a note in the binary; `readelf -n sheaf` lists
 * them. Each has a semaphore, which a tracer raises; where arguments cost something they are made only if sheaf_probe_wanted().
 * Without the header all of it is nothing. No probe has more than six arguments: bpftrace 0.17 reads no more.
 *
 *   task_start      queue, slot, opcode, lba, bytes, lun           a task was given to its queue
 *   bundle_submit   queue, lane, tasks, bundle                     handed to the controller; lane: the worker, fused 0
 *   bundle_complete queue, tasks                                   came back
 *   task_end        queue, slot, opcode, lba, status, ns           ns since its bundle was handed over; lba 0: not known
 *   task_timeout    queue, slot, opcode, ns                        ended by its deadline, that long after it was handed over
 *   task_error      queue, slot, opcode, service_response, status, sense   sense: key << 16 | ASC << 8 | ASCQ
 */
#ifndef SHEAF_PROBES_H
#define SHEAF_PROBES_H

#ifdef SHEAF_HAVE_SDT
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

extern unsigned short sheaf_task_start_semaphore, sheaf_task_end_semaphore;
extern unsigned short sheaf_bundle_submit_semaphore, sheaf_bundle_complete_semaphore;
extern unsigned short sheaf_task_timeout_semaphore, sheaf_task_error_semaphore;

/* Tracers write it behind the compiler's back. */
#define sheaf_probe_wanted(name) \
	__builtin_expect(*(volatile const unsigned short *)&sheaf_##name##_semaphore, 0)
#define SHEAF_PROBE2(name, a, b) STAP_PROBE2(sheaf, name, a, b)
#define SHEAF_PROBE4(name, a, b, c, d) STAP_PROBE4(sheaf, name, a, b, c, d)
#define SHEAF_PROBE6(name, a, b, c, d, e, f) STAP_PROBE6(sheaf, name, a, b, c, d, e, f)
#else
#define sheaf_probe_wanted(name) 0
#define SHEAF_PROBE2(name, a, b) ((void)(a), (void)(b))
#define SHEAF_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define SHEAF_PROBE6(name, a, b, c, d, e, f) (SHEAF_PROBE4(name, a, b, c, d), (void)(e), (void)(f))
#endif

#endif
