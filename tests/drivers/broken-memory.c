/* SPDX-License-Identifier: MIT */
/* broken-memory.c - a program that gets an image, and keeps in memory what it is told to flush */
#include "broken.h"
