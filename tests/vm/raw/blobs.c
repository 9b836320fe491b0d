/*
 * blobs: processes that make memory of the host and write to it the moment it is mapped. A map that
 * the guest is told of too early loses that write.
 *
 * Usage: blobs DIRECTORY PROCESSES ROUNDS: in each round a process makes LIVE blobs, writes a word
 * to each page of them, unlike any other, and lists these words in DIRECTORY/PROCESS-ROUND: the
 * host looks for them (tests/vm/blobs.py) and removes the list. Then the blobs go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "virtgpu.h"

#define LIVE 15
#define MAX_PAGES 16
#define MEMORY_OF_HOST 2
#define MARK UINT64_C(0x5742) /* in the upper 16 bits of each word */

static uint32_t ids[MAX_PAGES + 1]; /* of memory of so many pages */

static void learn_ids(struct raw_context *context)
{
	uint32_t answer[RAW_IMAGE_WORDS];
	for (uint32_t pages = 1; pages <= MAX_PAGES; pages++) {
		if (!raw_ask_image(context, pages * RAW_PAGE, 1, RAW_R8, answer) ||
			answer[RAW_IMAGE_SIZE] != pages * RAW_PAGE)
			raw_die("no memory of %u pages", pages);
		ids[pages] = answer[RAW_IMAGE_BLOB_ID];
	}
}

static void write_words(struct raw_blob *blob, uint64_t words, FILE *list)
{
	for (size_t at = 0; at < blob->size; at += RAW_PAGE) {
		uint64_t word = words | at / RAW_PAGE;
		memcpy(blob->map + at, &word, sizeof(word));
	}
	for (size_t at = 0; at < blob->size; at += RAW_PAGE)
		fprintf(list, "%llx\n", (unsigned long long)(words | at / RAW_PAGE));
}

/* Unlike sizes, so that hardly a blob comes to lie where one like it was. */
static uint32_t next_pages(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return 1 + (uint32_t)(*random >> 33) % MAX_PAGES;
}

static void run_round(
	struct raw_context *context, const char *directory, uint64_t process, uint64_t round)
{
	static uint64_t random;
	struct raw_blob blobs[LIVE];
	char name[256], hidden[256];
	snprintf(name, sizeof(name), "%s/%llu-%llu", directory, (unsigned long long)process,
		(unsigned long long)round);
	snprintf(hidden, sizeof(hidden), "%s/.%llu", directory, (unsigned long long)process);
	FILE *list = fopen(hidden, "w");
	if (!list)
		raw_die("%s", hidden);
	random += process;
	for (uint64_t i = 0; i < LIVE; i++) {
		uint32_t pages = next_pages(&random);
		if (raw_blob_create(context->fd, MEMORY_OF_HOST, ids[pages], pages * RAW_PAGE,
			    &blobs[i]) < 0)
			raw_die("no blob of %u pages", pages);
		write_words(&blobs[i], MARK << 48 | process << 40 | round << 16 | i << 8, list);
	}
	if (fclose(list) != 0 || rename(hidden, name) < 0)
		raw_die("%s", name);
	while (access(name, F_OK) == 0)
		usleep(2000);
	for (size_t i = 0; i < LIVE; i++)
		raw_blob_close(context->fd, &blobs[i]);
}

static void run_process(const char *directory, uint64_t process, uint64_t rounds)
{
	static struct raw_context context;
	raw_context_open(&context, RAW_PAGE);
	raw_init(&context, 20, 0);
	learn_ids(&context);
	for (uint64_t round = 0; round < rounds; round++)
		run_round(&context, directory, process, round);
	raw_context_close(&context);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("Usage: blobs DIRECTORY PROCESSES ROUNDS\n", stderr);
		return 2;
	}
	unsigned processes = (unsigned)atoi(argv[2]), rounds = (unsigned)atoi(argv[3]);
	for (unsigned process = 1; process <= processes; process++) {
		pid_t pid = fork();
		if (pid < 0)
			raw_die("no process");
		if (pid == 0) {
			run_process(argv[1], process, rounds);
			return 0;
		}
	}
	int status, failed = 0;
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
