/*
 * The table of subcommands.
 */
#include "cli/manage.h"

const struct command commands[] = {
    {"run", command_run, "run an image, or a program of this host, in a sandbox"},
    {"ps", command_ps, "list sandboxes"},
    {"logs", command_logs, "show what a detached sandbox wrote"},
    {"wait", command_wait, "wait for sandboxes to end"},
    {"stop", command_stop, "ask sandboxes to end, then kill them"},
    {"kill", command_kill, "kill sandboxes, or send them a signal"},
    {"exec", command_exec, "run another program in a running sandbox"},
    {"top", command_top, "show what runs in a sandbox"},
    {"cp", command_cp, "copy files between this host and a sandbox"},
    {"rm", command_rm, "forget sandboxes that ended"},
    {"inspect", command_inspect, "show a sandbox's record, or what an image holds and requests"},
    {"build", command_tool, "make an image of a program, a directory or an archive"},
    {"verify", command_tool, "check an image's digests and signature"},
    {"keygen", command_tool, "make a key pair to sign images with"},
    {"images", command_images, "list the images of your store"},
    {"rmi", command_rmi, "remove images from your store"},
    {"check", command_check, "tell what this host supports"},
    {"completion", command_completion, "print a completion script for bash, zsh or fish"},
    {"version", command_version, "print the version"},
    {"help", command_help, "print help"},
    {0},
};
