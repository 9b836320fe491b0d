/* Channels that listen for each other. */
#include "guest-proxy/gpu/bell.h"

#include <errno.h>
#include <sys/random.h>

static void wake(struct bell_member *member)
{
	bell_stir(member);
	member->call(member->data);
}

/* Those that rest would not be called any more: one of them asks. It may not be able to, though. */
static void look_for_listener(void *data)
{
	struct bell *bell = data;

	while (bell->n_listening == 0 && !wl_list_empty(&bell->resting)) {
		struct bell_member *member = wl_container_of(bell->resting.next, member, link);
		wake(member);
	}
}

static int open_bell(struct bell *bell, struct turn *turn)
{
	uint64_t key = 0;

	if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key) || key == 0)
		return -EIO;
	*bell = (struct bell){.turn = turn, .key = key};
	wl_list_init(&bell->resting);
	turn_task_init(&bell->task, TURN_BELL, look_for_listener, bell);
	return 0;
}

int bell_join(struct bell *bell, struct turn *turn, struct bell_member *member,
	void (*call)(void *data), void *data)
{
	int error = bell->key != 0 ? 0 : open_bell(bell, turn);

	if (error < 0)
		return error;
	do
		bell->last_id++;
	while (bell->last_id == 0 || id_map_find(&bell->members, bell->last_id));
	error = id_map_insert(&bell->members, bell->last_id, member);
	if (error < 0)
		return error;
	*member =
		(struct bell_member){.bell = bell, .id = bell->last_id, .call = call, .data = data};
	wl_list_init(&member->link);
	return 0;
}

void bell_leave(struct bell_member *member)
{
	struct bell *bell = member->bell;

	if (!bell)
		return;
	bell_listen(member, false);
	bell_stir(member);
	id_map_remove(&bell->members, member->id);
	member->bell = NULL;
	if (bell->members.count > 0)
		return;
	turn_task_finish(&bell->task);
	id_map_finish(&bell->members);
	bell->key = 0;
}

void bell_listen(struct bell_member *member, bool listens)
{
	struct bell *bell = member->bell;

	if (!bell || member->listens == listens)
		return;
	member->listens = listens;
	bell->n_listening += listens ? 1 : -1u;
	if (bell->n_listening == 0)
		turn_ask(bell->turn, &bell->task);
}

void bell_asked(struct bell_member *member)
{
	bell_listen(member, true);
	bell_stir(member);
	member->called = false;
}

bool bell_rest(struct bell_member *member)
{
	if (!member->bell || member->called || member->bell->n_listening == member->listens)
		return false;
	bell_stir(member);
	wl_list_insert(member->bell->resting.prev, &member->link);
	return true;
}

void bell_stir(struct bell_member *member)
{
	if (!member->bell)
		return;
	wl_list_remove(&member->link);
	wl_list_init(&member->link);
}

void bell_ring(struct bell *bell, uint32_t id)
{
	struct bell_member *member = id_map_find(&bell->members, id);

	if (!member)
		return;
	if (wl_list_empty(&member->link))
		member->called = true;
	else
		wake(member);
}
