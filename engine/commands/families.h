/* The families of commands: X(array). Each is a `const struct command_row array[]` that ends in {0}, in the file
 * of the same name. Included by command.c. */
X(string_commands)
X(counter_commands)
X(connection_commands)
X(server_commands)
X(pubsub_commands)
X(generic_commands)
X(expire_commands)
X(scan_commands)
X(object_commands)
X(ratelimit_commands)
X(memcached_commands)
X(memcached_stats_commands)
