/*
 * base/text.h -- text from outside on its way to a terminal or a log line.
 */
#pragma once
#include "base/types.h"

/* Replaces every control character by question marks, in place: C0, DEL, and C1 in UTF-8 (c2 80 to
 * c2 9f), which terminals obey too. The text stays one line of the same length. */
void text_make_plain(void *text, size_t len);
