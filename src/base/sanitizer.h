/* SPDX-License-Identifier: MIT */
/* sanitizer.h - SHEAF_ASAN, SHEAF_TSAN: defined where gcc or clang builds with that sanitizer */
#ifndef SHEAF_SANITIZER_H
#define SHEAF_SANITIZER_H

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SHEAF_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SHEAF_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SHEAF_ASAN)
#define SHEAF_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SHEAF_TSAN)
#define SHEAF_TSAN 1
#endif

#endif
