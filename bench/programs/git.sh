#!/bin/sh
# git.sh DIR: a repository of 300 files, 5 commits, a branch and a merge; prints the commit that it ends with.
set -e
cd "$(mktemp -d "$1/git-XXXXXX")"
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost
git init -q -b main .
for d in a b c; do
	mkdir $d
	i=0
	while [ $i -lt 100 ]; do
		echo "file $i of $d" >$d/$i
		i=$((i + 1))
	done
done
for round in 1 2 3 4 5; do
	echo "round $round" >>a/$round
	git add -A
	git commit -q -m "round $round"
done
git checkout -q -b side HEAD~2
echo side >b/side
git add -A
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git status --short
git log --oneline | wc -l
git gc -q
git fsck --no-progress
git rev-parse HEAD
