/* SPDX-License-Identifier: MIT */
/* op_list.h - a first-in-first-out list of operations, linked through op->next. Not locked. */
#ifndef SHEAF_LOOP_OP_LIST_H
#define SHEAF_LOOP_OP_LIST_H

#include "loop.h"

#include <stddef.h>

struct sheaf_op_list {
	struct sheaf_op *head;
	struct sheaf_op *tail; /* not valid while head is NULL */
};

static inline bool sheaf_op_list_empty(const struct sheaf_op_list *list)
{
	return !list->head;
}

static inline void sheaf_op_list_append(struct sheaf_op_list *list, struct sheaf_op *op)
{
	op->next = NULL;
	if (list->head)
		list->tail->next = op;
	else
		list->head = op;
	list->tail = op;
}

static inline struct sheaf_op *sheaf_op_list_pop(struct sheaf_op_list *list)
{
	struct sheaf_op *op = list->head;

	if (op) {
		list->head = op->next;
		op->next = NULL;
	}
	return op;
}

/* Take all: @list is empty afterwards. */
static inline struct sheaf_op_list sheaf_op_list_take(struct sheaf_op_list *list)
{
	struct sheaf_op_list taken = *list;

	list->head = NULL;
	return taken;
}

#endif
