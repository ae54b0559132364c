/*
 * Builds from each kind of source: the same input gives the same bytes, owners and attributes survive, as
 * root and as an ordinary user alike; signatures; errors.
 */
#include "support.h"

static int setup(void **state)
{
	if (setup_dir(state))
		return -1;
	return sh(
	    "mkdir bin && echo 'int main(void){return 0;}' >m.c && cc -o bin/prog m.c && chmod 755 . bin");
}

static void ok(const char *command)
{
	if (sh("%s", command))
		fail_msg("%s\n%s", command, last_error);
}

static void program_reproducible(void **state)
{
	ok("$BI build --no-libos -o 1.img bin/prog && touch bin && $BI build --no-libos -o 2.img bin/prog && "
	   "cmp 1.img 2.img");
	ok("fsck.erofs 1.img >/dev/null && $BI verify 1.img");
	ok("dump.erofs --path=$PWD/bin/prog 1.img | grep -q 'Uid: 0 '");
	ok("dump.erofs --path=/lib64/ld-linux-x86-64.so.2 1.img | grep -q regular || "
	   "dump.erofs --path=/lib64 1.img | grep -q symlink");
	ok("$BI inspect --json 1.img | grep -q '\"intact\": true'");
}

static void directory_reproducible(void **state)
{
	ok("mkdir -p r/a/b && echo x >r/a/f && ln r/a/f r/a/g && ln -s f r/a/l && chmod 640 r/a/f");
	ok("$BI build --no-libos -o 1.img r && $BI build --no-libos -o 2.img r && cmp 1.img 2.img");
	ok("cp -a r r2 && $BI build --no-libos -o 2.img r2 && cmp 1.img 2.img");
	ok("dump.erofs --path=/a/f 1.img | grep -q 'Links: 2' && dump.erofs --path=/a/f 1.img | grep -q "
	   "0640");
	ok("touch -d @5000000000 r/a/f; SOURCE_DATE_EPOCH=1000000000 $BI build --no-libos -o 1.img r");
	ok("dump.erofs --path=/a/f 1.img | grep -q 2001-09-09");
}

/* Owners, modes, times, attributes out of a tar; the order of gzip, xz and zstd gives the same image. */
static void tar_keeps_attributes(void **state)
{
	ok("mkdir -p t/d && echo x >t/d/s && chmod 4711 t/d/s && touch -d @1234567890 t/d/s && "
	   "setfattr -n user.k -v v t/d/s; tar --xattrs --owner=70000 --group=1234 -cf t.tar -C t .");
	ok("$BI build --no-libos -o t.img t.tar && fsck.erofs t.img >/dev/null");
	ok("dump.erofs --path=/d/s t.img | grep -q 'Uid: 70000   Gid: 1234  Access: 0711'");
	ok("dump.erofs --path=/d/s t.img | grep -q 2009-02-13");
	ok("for z in gzip xz zstd bzip2; do $z -c <t.tar >t.z && $BI build --no-libos -o z.img t.z && cmp "
	   "t.img z.img || exit 1; done");
	ok("$BI build --no-libos -o z.img - <t.tar && cmp t.img z.img");
	if (getuid() == 0) /* an ordinary user makes the same bytes */
		ok("mkdir -m 777 u && chmod 644 t.tar && HOME=$PWD/u TMPDIR=$PWD/u setpriv --reuid 54321 "
		   "--regid 54321 "
		   "--clear-groups $BI build --no-libos -o u/u.img t.tar && cmp t.img u/u.img && rm u/u.img "
		   "&& rmdir u");
}

static void includes(void **state)
{
	ok("mkdir -p data/x && echo 1 >data/x/y && ln -s x data/l");
	ok("$BI build --no-libos --include data:/srv --include m.c:/etc/m.c -o i.img bin/prog && fsck.erofs "
	   "i.img >/dev/null");
	ok("dump.erofs --path=/srv/x/y i.img | grep -q 'Size: 2 ' && dump.erofs --path=/srv/l i.img | grep "
	   "-q symlink");
	ok("dump.erofs --path=/etc/m.c i.img | grep -q regular");
	ok("$BI build --no-libos --include m.c -o i.img data && dump.erofs --path=/x/y i.img | grep -q "
	   "regular && "
	   "dump.erofs --path=$PWD/m.c i.img | grep -q regular");
}

/* A plugin's library comes along; a plugin whose library is missing is a note. */
static void libraries_of_includes(void **state)
{
	ok("mkdir -p plug libs && echo 'int b(void){return 2;}' >b.c && echo 'int b(void);int a(void){return "
	   "b();}' >a.c && "
	   "cc -shared -fPIC -o libs/libbz_p.so b.c && "
	   "cc -shared -fPIC -o plug/one.so a.c -Llibs -lbz_p -Wl,-rpath,$PWD/libs && "
	   "cc -shared -fPIC -o plug/two.so a.c -Llibs -lbz_p");
	ok("$BI build --no-libos --include plug:/plug -o i.img bin/prog 2>note && grep -q 'two.so: needs the "
	   "library' note");
	ok("dump.erofs --path=$PWD/libs/libbz_p.so i.img | grep -q regular && dump.erofs --path=/plug/one.so "
	   "i.img | grep -q regular");
	ok("! dump.erofs --path=$PWD/plug/one.so i.img | grep -q regular");
}

/* docker save: manifest.json, layers by name, a link for one that is there twice. */
static void docker_archive(void **state)
{
	ok("mkdir -p dk/aa dk/bb l && echo hi >l/file && tar cf dk/aa/layer.tar -C l file && ln -s "
	   "../aa/layer.tar dk/bb/layer.tar && "
	   "echo '{\"config\":{\"Entrypoint\":[\"/x\"],\"User\":\"7\"}}' >dk/c.json && "
	   "echo '[{\"Config\":\"c.json\",\"Layers\":[\"aa/layer.tar\",\"bb/layer.tar\"]}]' "
	   ">dk/manifest.json && tar cf dk.tar -C dk .");
	ok("$BI build --no-libos -o dk.img dk.tar && dump.erofs --path=/file dk.img | grep -q 'Size: 3 ' && "
	   "$BI inspect dk.img | grep -q 'user *7'");
	ok("ln -sf ../../../etc/passwd dk/bb/layer.tar && tar cf dk.tar -C dk .");
	expect_error("$BI build --no-libos -o x.img dk.tar", "container archive: missing layer bb/layer.tar");
}

static void store(void **state)
{
	ok("$BI build --no-libos --tag it:1 bin/prog && test -f .local/share/bartizan/images/it:1 && $BI "
	   "verify it:1");
	expect_error("$BI build --no-libos --tag ../x bin/prog", "is no name for an image");
}

static void manifest_options(void **state)
{
	ok("$BI build --no-libos -e A=1 -e A=2 -w /srv --entrypoint '[\"/bin/x\", \"-y\"]' --cmd z -o m.img "
	   "bin/prog");
	ok("$BI inspect --json m.img >m.json && grep -q '\"A=2\"' m.json && ! grep -q 'A=1' m.json && grep "
	   "-q '\"-y\"' m.json");
	ok("cut() { python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)[\"manifest\"]))'; }; "
	   "cut <m.json >again.json && "
	   "$BI build --no-libos -m again.json -o n.img bin/prog && $BI inspect --json n.img | cut | cmp - "
	   "again.json");
	write_text("bad.json", "{\n\"entrypiont\": []}");
	expect_error("$BI build --no-libos -m bad.json -o x.img bin/prog",
		     "bad.json:2: unknown key \"entrypiont\"; did you mean \"entrypoint\"?");
	expect_error("$BI build --no-libos -w srv -o x.img bin/prog",
		     "workdir: \"srv\" must be an absolute path");
}

static void signatures(void **state)
{
	ok("rm -f k* && $BI keygen k1 && $BI keygen k2 && test $(stat -c %a k1) = 600");
	ok("$BI build --no-libos --sign k1 -o s.img bin/prog && $BI verify s.img && $BI verify --key k1.pub "
	   "s.img");
	ok("$BI build --no-libos --sign k1 -o s2.img bin/prog && cmp s.img s2.img");
	expect_error("$BI verify --key k2.pub s.img", "signed by another key");
	expect_error("$BI keygen k1", "File exists");
	ok("$BI build --no-libos -o n.img bin/prog");
	expect_error("$BI verify --key k1.pub n.img", "the image is not signed");
	ok("cp s.img d.img && printf X | dd of=d.img bs=1 seek=9000 conv=notrunc status=none");
	expect_error("$BI verify --key k1.pub d.img", "damaged image");
	expect_error("$BI build --no-libos --sign m.c -o x.img bin/prog", "is no Ed25519 private key");
}

/* OCI layout: two layers, the second with whiteouts, and a configuration. */
static void container(void **state)
{
	ok("mkdir -p o/blobs/sha256 l1/etc l1/gone l1/opaque l2/opaque && echo 1 >l1/etc/keep && echo 1 "
	   ">l1/etc/del && "
	   "echo 1 >l1/opaque/old && echo 1 >l1/gone/x && echo 2 >l2/opaque/new && touch "
	   "l2/opaque/.wh..wh..opq l2/.wh.gone");
	ok("mkdir l2/etc && touch l2/etc/.wh.del && cd l1 && tar czf ../l1.tgz * && cd ../l2 && "
	   "tar czf ../l2.tgz .wh.gone opaque/.wh..wh..opq opaque/new etc/.wh.del");
	ok("printf "
	   "'{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"P=1\"],\"Cmd\":[\"/"
	   "sh\"],\"WorkingDir\":\"/srv\","
	   "\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/data\":{}}}}' >cfg");
	ok("put() { d=$(sha256sum <$1 | cut -d' ' -f1); cp $1 o/blobs/sha256/$d; echo sha256:$d; }; "
	   "c=$(put cfg) a=$(put l1.tgz) b=$(put l2.tgz); "
	   "printf "
	   "'{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\"},\"layers\":[{\"digest\":\"%s\"},{\"digest\":"
	   "\"%s\"}]}' $c $a $b >man; "
	   "m=$(put man); printf '{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\"}]}' $m "
	   ">o/index.json; "
	   "printf '{\"imageLayoutVersion\":\"1.0.0\"}' >o/oci-layout; tar cf o.tar -C o .");
	ok("$BI build --no-libos -o o.img o.tar && fsck.erofs o.img >/dev/null && $BI inspect o.img >o.txt");
	ok("grep -q 'P=1' o.txt && grep -q '/sh' o.txt && grep -q 'workdir *[/]srv' o.txt && grep -q "
	   "'80/tcp' o.txt && grep -q '/data (rw)' o.txt");
	ok("dump.erofs --ls --path=/etc o.img >e && grep -q keep e && ! grep -q del e");
	ok("dump.erofs --ls --path=/opaque o.img >e && grep -q new e && ! grep -q -e old -e wh e");
	ok("! dump.erofs --ls --path=/ o.img | grep -q -e gone -e blobs");
	ok("f=$(ls o/blobs/sha256/* | head -1) && printf X | dd of=$f bs=1 seek=20 conv=notrunc status=none "
	   "&& tar cf o.tar -C o .");
	expect_error("$BI build --no-libos -o o.img o.tar", "container archive: ");
}

static void errors(void **state)
{
	expect_error("$BI build --no-libos -o x.img nowhere", "nowhere: No such file or directory");
	expect_error("$BI build --no-libos -o x.img m.c", "is neither an ELF file");
	expect_error("$BI build --no-libos -o no/dir/x.img bin/prog", "cannot make no/dir/x.img");
	expect_error("$BI build --libos m.c -o x.img bin/prog", "library OS m.c: is not an ELF file");
	expect_error("$BI build --no-libos --include nowhere -o x.img bin/prog",
		     "--include nowhere: No such file");
	ok("cp bin/prog bad && printf '\\267' | dd of=bad bs=1 seek=18 conv=notrunc status=none");
	expect_error("$BI build --no-libos -o x.img bad", "is an ELF file for aarch64");
	ok("$BI build --no-libos -o w.img bin/prog && head -c 30000 w.img >cut.img");
	ok("cp w.img hit.img && printf X | dd of=hit.img bs=1 seek=20000 conv=notrunc status=none && ! $BI "
	   "inspect hit.img >hit.txt && "
	   "grep -q 'filesystem.*DAMAGED' hit.txt && grep -q 'manifest.* ok' hit.txt");
	expect_error("$BI inspect cut.img", "truncated image");
	expect_error("$BI inspect bin/prog", "not a Bartizan image");
	expect_error("$BI inspekt w.img", "did you mean \"inspect\"?");
	if (access("/sbin/mkfs.erofs", F_OK))
		expect_error("PATH=/nowhere; $BI build --no-libos -o x.img bin/prog",
			     "mkfs.erofs is not installed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(program_reproducible),
	    cmocka_unit_test(directory_reproducible),
	    cmocka_unit_test(tar_keeps_attributes),
	    cmocka_unit_test(includes),
	    cmocka_unit_test(libraries_of_includes),
	    cmocka_unit_test(docker_archive),
	    cmocka_unit_test(store),
	    cmocka_unit_test(manifest_options),
	    cmocka_unit_test(signatures),
	    cmocka_unit_test(container),
	    cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown_dir);
}
