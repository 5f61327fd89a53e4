/* SPDX-License-Identifier: MIT */
/* engine_process.c - see engine_process.h */
#include "cli/engine_process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/queue.h"

bool sheaf_engine_wants_process(const struct sheaf_serve_options *options)
{
	return options->driver || options->driver_socket;
}

unsigned sheaf_engine_process_workers(const struct sheaf_serve_options *options)
{
	return options->workers > 0 ? (unsigned)options->workers : 1;
}

static int describe_files(struct sheaf_engine *engine, struct sheaf_engine_process *p)
{
	const struct sheaf_images *images = engine->images;

	p->files = calloc(images->count + 1, sizeof(*p->files));
	if (!p->files)
		return -ENOMEM;
	for (unsigned i = 0; i < images->count; i++) {
		struct sheaf_driver_file *file = &p->files[i];
		struct sheaf_file_image image;

		sheaf_file_store_describe(images->stores[i], &image);
		*file = (struct sheaf_driver_file){
			.fd = image.fd,
			.path = images->stores[i]->name,
			.read_only = image.read_only,
			.direct = image.direct,
			.offset_bytes = image.offset_bytes,
			.size_bytes = image.size_bytes,
			.block_size = engine->options->block_size,
		};
		sheaf_image_serial(file->path, file->serial);
	}
	return 0;
}

int sheaf_engine_start_process(struct sheaf_engine *engine, struct sheaf_host_options *host_options)
{
	const struct sheaf_serve_options *o = engine->options;
	struct sheaf_engine_process *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	engine->process = p;
	r = describe_files(engine, p);
	if (r < 0)
		return r;
	p->options = (struct sheaf_life_options){
		.command = o->driver,
		.socket_path = o->driver_socket,
		.rights = o->driver_rights,
		.restarts = o->driver_restarts,
		.files = p->files,
		.file_count = engine->images->count,
		.io = engine->io,
		.slots = host_options->slots,
	};
	r = sheaf_life_create(&p->options, &p->life);
	if (r < 0)
		return r;
	host_options->ops = &sheaf_life_remote(p->life)->ops;
	host_options->controller = sheaf_life_remote(p->life);
	host_options->use_region = sheaf_remote_use_region;
	host_options->workers = sheaf_engine_process_workers(o);
	return 0;
}

int sheaf_engine_connect_process(struct sheaf_engine *engine)
{
	for (unsigned i = 0; i < engine->front_count; i++)
		sheaf_queue_attach(engine->host->queues[i], engine->fronts[i].loop, NULL, NULL);
	return sheaf_life_connect(engine->process->life, engine->host);
}

void sheaf_engine_end_process(struct sheaf_engine *engine)
{
	if (engine->process && engine->process->life)
		sheaf_life_end(engine->process->life);
}

void sheaf_engine_free_process(struct sheaf_engine *engine)
{
	struct sheaf_engine_process *p = engine->process;

	if (!p)
		return;
	sheaf_life_free(p->life);
	free(p->files);
	free(p);
	engine->process = NULL;
}

int sheaf_engine_control(void *arg, const char *text)
{
	static const char restart[] = "restart";
	struct sheaf_engine *engine = arg;
	const char *command;

	if (sheaf_resize_is_meant(text))
		return sheaf_resize_begin(&engine->resize, text);
	if (strncmp(text, restart, sizeof(restart) - 1) != 0)
		return -EINVAL;
	command = text + sizeof(restart) - 1;
	if (*command && *command != ' ')
		return -EINVAL;
	command += strspn(command, " ");
	if (!engine->process)
		return -EOPNOTSUPP;
	return sheaf_life_replace(engine->process->life, *command ? command : NULL, "by request",
				  true);
}
