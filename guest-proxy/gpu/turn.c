/* The end of a round of the event loop. */
#include "guest-proxy/gpu/turn.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"

static int handle_next(int fd, uint32_t mask, void *data);

void turn_init(struct turn *turn, struct wl_event_loop *loop)
{
	*turn = (struct turn){.loop = loop};
	wl_list_init(&turn->next);
	for (int i = 0; i < TURN_STEPS; i++)
		wl_list_init(&turn->due[i]);
	turn->next_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (turn->next_fd >= 0)
		turn->wakes = eventfd_source_add(
			loop, turn->next_fd, handle_next, turn, &turn->wakes_edge);
}

void turn_finish(struct turn *turn)
{
	struct turn_task *task, *next;
	for (int i = 0; i < TURN_STEPS; i++)
		wl_list_for_each_safe(task, next, &turn->due[i], link) turn_task_finish(task);
	wl_list_for_each_safe(task, next, &turn->next, link) turn_task_finish(task);
	event_source_remove(&turn->idle);
	event_source_remove(&turn->wakes);
	fd_close(&turn->next_fd);
	if (turn->finished)
		*turn->finished = true;
}

void turn_task_init(
	struct turn_task *task, enum turn_step step, void (*run)(void *data), void *data)
{
	*task = (struct turn_task){.step = step, .run = run, .data = data};
	wl_list_init(&task->link);
}

void turn_task_finish(struct turn_task *task)
{
	wl_list_remove(&task->link);
	wl_list_init(&task->link);
}

static void handle_idle(void *data);

/* There is something to do at the end of this round; while tasks run, whoever runs them looks. */
static void schedule(struct turn *turn)
{
	if (!turn->idle && !turn->finished)
		turn->idle = wl_event_loop_add_idle(turn->loop, handle_idle, turn);
}

/* Tasks have run: those that were asked for meanwhile are due. */
static void schedule_rest(struct turn *turn)
{
	if (turn->steps_due)
		schedule(turn);
}

/* Runs the tasks in @due; those that are asked for meanwhile are left. */
static bool run_step(struct wl_list *due, const bool *finished)
{
	struct wl_list batch;

	wl_list_init(&batch);
	wl_list_insert_list(&batch, due);
	wl_list_init(due);
	while (!wl_list_empty(&batch)) {
		struct turn_task *task = wl_container_of(batch.next, task, link);
		turn_task_finish(task);
		task->run(task->data); /* may free the task, others, or the turn */
		if (*finished) {
			while (!wl_list_empty(&batch)) {
				task = wl_container_of(batch.next, task, link);
				turn_task_finish(task);
			}
			return false;
		}
	}
	return true;
}

static void handle_idle(void *data)
{
	struct turn *turn = data;
	bool finished = false;

	turn->idle = NULL;
	turn->finished = &finished;
	for (int i = 0; i < TURN_STEPS; i++) {
		if (!(turn->steps_due & 1u << i))
			continue;
		turn->steps_due &= ~(1u << i);
		if (!run_step(&turn->due[i], &finished))
			return;
	}
	turn->finished = NULL;
	schedule_rest(turn);
	if (!turn->idle)
		turn->work_start_ns = 0;
}

void turn_ask(struct turn *turn, struct turn_task *task)
{
	if (!wl_list_empty(&task->link))
		return;
	wl_list_insert(turn->due[task->step].prev, &task->link);
	turn->steps_due |= 1u << task->step;
	schedule(turn);
}

static int handle_next(int fd, uint32_t mask, void *data)
{
	struct turn *turn = data;
	uint64_t count;
	bool finished = false;

	if (!turn->wakes_edge && read(fd, &count, sizeof(count)) < 0)
		return 0;
	turn->work_start_ns = 0;
	turn->finished = &finished;
	if (!run_step(&turn->next, &finished))
		return 0;
	turn->finished = NULL;
	schedule_rest(turn);
	return 0;
}

void turn_ask_next(struct turn *turn, struct turn_task *task)
{
	const uint64_t one = 1;

	if (!wl_list_empty(&task->link))
		return;
	if (turn->wakes && write(turn->next_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		wl_list_insert(turn->next.prev, &task->link);
	else /* then it need not be fair, but go on */
		turn_ask(turn, task);
}

bool turn_has_time(struct turn *turn)
{
	uint64_t now_ns = monotonic_ns();
	if (turn->work_start_ns == 0)
		turn->work_start_ns = now_ns;
	return now_ns - turn->work_start_ns < TURN_WORK_NS;
}
