/* Words that stand for the numbers of an enum: what options and files may say. */
#ifndef PROTOCOL_BASE_WORDS_H
#define PROTOCOL_BASE_WORDS_H

#include <stddef.h>
#include <string.h>

/* Which of @n words @word is; @n: none of them. */
static inline size_t word_find(const char *word, const char *const words[], size_t n)
{
	size_t i = 0;

	while (i < n && strcmp(word, words[i]) != 0)
		i++;
	return i;
}

#endif
