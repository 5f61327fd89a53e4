/* SPDX-License-Identifier: MIT */
/* extent.h - FALLOCATE and LSEEK: holes, all the way to the image. */
#ifndef SHEAF_EXTENT_H
#define SHEAF_EXTENT_H

#include "fuse/request.h"

void sheaf_begin_fallocate(struct sheaf_request *request);
void sheaf_begin_lseek(struct sheaf_request *request);

#endif
