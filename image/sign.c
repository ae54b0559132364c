/*
 * Signatures of images: Ed25519 (RFC 8032) by OpenSSL's libcrypto, keys in PEM (RFC 8410), as
 * `openssl genpkey -algorithm ed25519` writes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"

#define SIGNED_BYTES (sizeof(BZ_IMAGE_SIGN_CONTEXT) + offsetof(struct bz_image_footer, signature))

static void signed_bytes(const struct bz_image_footer *f, uint8_t out[SIGNED_BYTES])
{
	memcpy(out, BZ_IMAGE_SIGN_CONTEXT, sizeof(BZ_IMAGE_SIGN_CONTEXT));
	memcpy(out + sizeof(BZ_IMAGE_SIGN_CONTEXT), f, offsetof(struct bz_image_footer, signature));
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static EVP_PKEY *read_key(const char *path, bool private, struct image_error *err)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;

	if (!file) {
		image_fail(err, -errno, "key %s: %s", path, strerror(errno));
		return NULL;
	}
	key = private ? PEM_read_PrivateKey(file, NULL, no_passphrase, NULL)
		      : PEM_read_PUBKEY(file, NULL, no_passphrase, NULL);
	fclose(file);
	if (key && EVP_PKEY_base_id(key) == EVP_PKEY_ED25519)
		return key;
	EVP_PKEY_free(key);
	image_fail(
	    err, -EINVAL, "key %s: is no Ed25519 %s key in PEM%s", path, private ? "private" : "public",
	    private ? "; make one with: bartizan-image keygen FILE" : " (keygen writes it to FILE.pub)");
	return NULL;
}

int sign_footer(struct bz_image_footer *f, const char *key_path, struct image_error *err)
{
	EVP_PKEY *key = read_key(key_path, true, err);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = sizeof(f->public_key), len = sizeof(f->signature);
	uint8_t bytes[SIGNED_BYTES];
	bool ok = key && ctx && EVP_PKEY_get_raw_public_key(key, f->public_key, &n) == 1;

	signed_bytes(f, bytes);
	ok = ok && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, f->signature, &len, bytes, sizeof(bytes)) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok && key)
		image_fail(err, -EINVAL, "key %s: cannot sign with it", key_path);
	EVP_PKEY_free(key);
	return ok ? 0 : -EINVAL;
}

static bool check_with(EVP_PKEY *key, const struct bz_image_footer *f)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t bytes[SIGNED_BYTES];
	bool ok;

	signed_bytes(f, bytes);
	ok = ctx && key && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, f->signature, sizeof(f->signature), bytes, sizeof(bytes)) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool sign_consistent(const struct bz_image_footer *f)
{
	EVP_PKEY *key =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, f->public_key, sizeof(f->public_key));
	bool ok = check_with(key, f);

	EVP_PKEY_free(key);
	return ok;
}

int sign_check(const struct bz_image_footer *f, const char *public_key_path, struct image_error *err)
{
	static const uint8_t none[64];
	EVP_PKEY *key = read_key(public_key_path, false, err);
	bool ok;

	if (!key)
		return -EINVAL;
	ok = check_with(key, f);
	EVP_PKEY_free(key);
	if (ok)
		return 0;
	return image_fail(err, -EBADMSG,
			  memcmp(f->signature, none, sizeof(none)) == 0
			      ? "the image is not signed; sign it with: bartizan build --sign KEY"
			      : "the image is signed by another key, or its signature is damaged");
}

static int write_key(const char *path, EVP_PKEY *key, bool private, struct image_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private ? 0600 : 0644);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok;

	if (!file)
		return image_fail(err, -errno, "cannot make %s: %s", path, strerror(errno));
	ok = private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1
		     : PEM_write_PUBKEY(file, key) == 1;
	ok = fclose(file) == 0 && ok;
	if (!ok)
		unlink(path);
	return ok ? 0 : image_fail(err, -EIO, "cannot write %s", path);
}

int sign_keygen(const char *path, struct image_error *err)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	char *public;
	int ret;

	if (!key || asprintf(&public, "%s.pub", path) < 0) {
		EVP_PKEY_free(key);
		return image_fail(err, -EIO, "cannot make a key");
	}
	ret = write_key(path, key, true, err);
	if (!ret) {
		ret = write_key(public, key, false, err);
		if (ret)
			unlink(path);
	}
	EVP_PKEY_free(key);
	free(public);
	return ret;
}
