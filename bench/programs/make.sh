#!/bin/sh
# make.sh DIR: makes a C project of 16 files with make -j2, and runs what was made.
set -e
cd "$(mktemp -d "$1/make-XXXXXX")"
i=0
while [ $i -lt 16 ]; do
	cat >part$i.c <<-END
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>

		int part$i(int n)
		{
			int sum = $i;

			for (int k = 0; k < n; k++)
				sum = sum * 31 + (k ^ $i);
			return sum;
		}
	END
	i=$((i + 1))
done
{
	i=0
	while [ $i -lt 16 ]; do
		echo "int part$i(int n);"
		i=$((i + 1))
	done
	cat <<-'END'
		#include <stdio.h>

		int main(void)
		{
			printf("%d\n", part3(1000) + part15(10));
			return 0;
		}
	END
} >main.c
cat >Makefile <<'END'
OBJECTS = main.o $(patsubst %.c,%.o,$(wildcard part*.c))
made: $(OBJECTS)
	$(CC) -o $@ $(OBJECTS)
%.o: %.c
	$(CC) -O2 -c -o $@ $<
END
make -s -j2 CC=gcc
./made
