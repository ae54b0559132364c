# git: a history with branches and a merge, clone over a path, pack and check.
set -e
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@x GIT_CONFIG_NOSYSTEM=1 HOME=$PWD
export GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'
git init -q -b main repo; cd repo
for i in $(seq 30); do mkdir -p d$((i % 5)); seq $i $((i + 200)) >d$((i % 5))/f$i; git add .; git commit -q -m "commit $i"; done
git checkout -q -b side HEAD~10; echo side >side; git add side; git commit -q -m side
git checkout -q main; git merge -q --no-edit side; git log --oneline | head -n 3; git log --oneline | wc -l
git tag -a -m t v1; git diff --stat HEAD~3 | tail -n 1; git grep -c '^150$' | wc -l
cd ..; git clone -q repo clone; git clone -q --bare "file://$PWD/repo" bare; git -C clone log --format=%H -1
cd clone; echo more >more; git add more; git commit -q -m more; git push -q ../bare HEAD:main; git -C ../bare rev-parse main
sed -i 's/^150$/x/' d1/f1; git stash -q; git stash pop -q; git status --porcelain; git checkout -q .; git bisect start -q HEAD HEAD~12 >/dev/null; git bisect run sh -c '! test -e d2/f27' | grep 'first bad' || :; git bisect reset >/dev/null 2>&1
git -c gc.auto=0 gc -q --aggressive --prune=now; git count-objects -v | grep -E '^(count|packs|garbage)'; git fsck --full --strict; git archive HEAD | tar tf - | wc -l
git worktree add -q ../tree HEAD~2; git -C ../tree rebase -q HEAD~3; git rev-parse HEAD; GIT_EDITOR=true git rebase -q -i HEAD~2
