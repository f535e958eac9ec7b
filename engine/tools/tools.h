/* What the program does when its first argument is a tool's name instead of a configuration file's:
 *
 *   atrium check FILE ...     verifies RDB files, log files, manifests and a log's folder, and says what is in them
 *   atrium import URL ...     copies the keys of a running Redis or Valkey, or of an RDB file, into a running server
 *
 * They live in a room of their own, since neither serves: check reads files by persist/, import is a client.
 * Each returns the exit status: 0 all is well, 1 it is not, 2 it could not begin (wrong words, no file, no server). */
#ifndef ATRIUM_TOOLS_TOOLS_H
#define ATRIUM_TOOLS_TOOLS_H

enum { TOOL_WELL, TOOL_NOT_WELL, TOOL_NOT_BEGUN, TOOL_NONE = -1 };

/* Runs the tool that argv[1] names; TOOL_NONE where it names none. */
int tools_run(int argc, char **argv);

int tool_check(int argc, char **argv);
int tool_import(int argc, char **argv);

#endif
