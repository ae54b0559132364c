/* Unpacks what standard input brings as a sandbox's answer would be: untar_main DIR FIRST TOP. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/tar.h"

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	tar_unpack(STDIN_FILENO, argv[2], open(argv[1], O_RDONLY | O_DIRECTORY), argv[3], false);
	return 0;
}
