/* SPDX-License-Identifier: MIT */
/* aca.c - see aca.h */
#include "scsi/aca.h"

#include "scsi/lu_impl.h"

static uint32_t self_of(const struct sheaf_lu_task *lt)
{
	return sheaf_initiator_bit(lt->task.initiator_index);
}

/* CONTROL is a CDB's last byte. */
static bool has_naca(const struct sheaf_task *task)
{
	return task->command_size > 0 && task->command_size <= SHEAF_CDB_MAX &&
	       task->command_descriptor_block[task->command_size - 1] & SHEAF_CDB_CONTROL_NACA;
}

/** TST of the Control mode page, SPC-4 section 7.5.8: is there one task set for all initiators? Thread: any. */
bool sheaf_lu_task_set_is_shared(const struct sheaf_lu *lu)
{
	return sheaf_modes_task_set_is_shared(&lu->modes);
}

/* Lock held. */
static void set_condition(struct sheaf_lu *lu)
{
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_ACA, lu->aca.faulted != 0);
}

static bool is_preempt_and_abort(const struct sheaf_lu_task *lt)
{
	return lt->command->opcode == SHEAF_SCSI_PERSISTENT_RESERVE_OUT &&
	       lt->command->service_action == SHEAF_SCSI_SA_PREEMPT_AND_ABORT;
}

/* SAM-5 section 5.9.2. GOOD: it may run. Lock held. */
static enum sheaf_task_status status_for(struct sheaf_lu_task *lt)
{
	struct sheaf_aca *aca = &lt->lu->aca;
	uint32_t self = self_of(lt);

	if (aca->faulted & self) {
		if (lt->task.task_attribute != SHEAF_ATTRIBUTE_ACA || aca->busy & self)
			return SHEAF_STATUS_ACA_ACTIVE;
		aca->busy |= self;
		lt->held |= SHEAF_HELD_ACA;
		return SHEAF_STATUS_GOOD;
	}
	if (!aca->faulted || !sheaf_lu_task_set_is_shared(lt->lu) || is_preempt_and_abort(lt))
		return SHEAF_STATUS_GOOD;
	return has_naca(&lt->task) ? SHEAF_STATUS_ACA_ACTIVE : SHEAF_STATUS_BUSY;
}

bool sheaf_aca_check(struct sheaf_lu_task *lt)
{
	enum sheaf_task_status status;

	pthread_mutex_lock(&lt->lu->lock);
	status = status_for(lt);
	pthread_mutex_unlock(&lt->lu->lock);
	if (status != SHEAF_STATUS_GOOD)
		sheaf_lu_end_status(lt, (uint8_t)status);
	return status == SHEAF_STATUS_GOOD;
}

void sheaf_aca_note_check_condition(struct sheaf_lu_task *lt)
{
	bool naca = has_naca(&lt->task), aca_task = lt->held & SHEAF_HELD_ACA;
	struct sheaf_aca *aca = &lt->lu->aca;

	if (!naca && !aca_task)
		return;
	pthread_mutex_lock(&lt->lu->lock);
	if (aca_task)
		aca->faulted &= ~self_of(lt);
	if (naca)
		aca->faulted |= self_of(lt);
	set_condition(lt->lu);
	pthread_mutex_unlock(&lt->lu->lock);
}

void sheaf_aca_leave(struct sheaf_lu_task *lt)
{
	pthread_mutex_lock(&lt->lu->lock);
	lt->lu->aca.busy &= ~self_of(lt);
	pthread_mutex_unlock(&lt->lu->lock);
}

void sheaf_aca_end(struct sheaf_lu *lu, uint32_t initiators)
{
	lu->aca.faulted &= ~initiators;
	set_condition(lu);
}

void sheaf_lu_clear_aca(struct sheaf_lu *lu, uint32_t initiator)
{
	pthread_mutex_lock(&lu->lock);
	sheaf_aca_end(lu, initiator == SHEAF_INITIATOR_NONE ? UINT32_MAX : sheaf_initiator_bit(initiator));
	pthread_mutex_unlock(&lu->lock);
}
