/* What the code that adapts Wayland knows of its client. */
#include "guest-proxy/connection/connection.h"

static void handle_go_on(void *data)
{
	struct connection *connection = data;
	connection->held = false;
	connection->resume = true;
	connection->wake(connection);
}

void connection_init(struct connection *connection, struct turn *turn)
{
	*connection = (struct connection){.turn = turn};
	wl_list_init(&connection->swapchains);
	wl_list_init(&connection->retired);
	turn_task_init(&connection->go_on, TURN_CLIENT, handle_go_on, connection);
}

void connection_finish(struct connection *connection)
{
	turn_task_finish(&connection->go_on);
}

void connection_hold_for_turn(struct connection *connection)
{
	connection->held = true;
	connection->held_turns++;
	turn_ask_next(connection->turn, &connection->go_on);
}
