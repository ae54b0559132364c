/*
 * Formatted text: the subset of printf(3) that a kernel needs.  %d %i %u %x %X %o %c %s %p %%, flags 0 - and blank,
 * width and precision (also *), lengths hh h l ll z.  Returns the length that would have been written.
 */
#include "libos/kernel/kernel.h"

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

struct spec {
	bool left, zero, plus, space, alt, upper;
	int width, precision;
	int length;		/* 0 int, 1 long, -1 short, -2 char */
};

static void pad(struct out *o, int n, char c)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, int n)
{
	if (!s->left)
		pad(o, s->width - n, ' ');
	for (int i = 0; i < n; i++)
		put(o, text[i]);
	if (s->left)
		pad(o, s->width - n, ' ');
}

static void put_number(struct out *o, const struct spec *s, u64 v, int base, bool negative)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24], prefix[3];
	int n = 0, pn = 0, zeros;

	if (negative)
		prefix[pn++] = '-';
	else if (s->plus)
		prefix[pn++] = '+';
	else if (s->space)
		prefix[pn++] = ' ';
	if (s->alt && base == 16 && v) {
		prefix[pn++] = '0';
		prefix[pn++] = s->upper ? 'X' : 'x';
	} else if (s->alt && base == 8) {
		prefix[pn++] = '0';
	}
	do {
		tmp[n++] = digits[v % base];
		v /= base;
	} while (v);
	zeros = s->precision > n ? s->precision - n : 0;
	if (s->zero && !s->left && s->precision < 0 && s->width > n + pn)
		zeros = s->width - n - pn;
	if (!s->left)
		pad(o, s->width - n - pn - zeros, ' ');
	for (int i = 0; i < pn; i++)
		put(o, prefix[i]);
	pad(o, zeros, '0');
	for (int i = n; i-- > 0;)
		put(o, tmp[i]);
	if (s->left)
		pad(o, s->width - n - pn - zeros, ' ');
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '+')
			s->plus = true;
		else if (*f == ' ')
			s->space = true;
		else if (*f == '#')
			s->alt = true;
		else
			break;
	}
	if (*f == '*') {
		s->width = va_arg(*ap, int);
		f++;
	} else {
		s->width = parse_u64(f, &f, 10);
	}
	if (*f == '.') {
		f++;
		if (*f == '*') {
			s->precision = va_arg(*ap, int);
			f++;
		} else {
			s->precision = parse_u64(f, &f, 10);
		}
	}
	for (;; f++) {
		if (*f == 'l' || *f == 'z')
			s->length = 1;
		else if (*f == 'h')
			s->length--;
		else
			return f;
	}
}

static void put_signed(struct out *o, const struct spec *s, va_list *ap)
{
	i64 v = s->length > 0 ? va_arg(*ap, long) : va_arg(*ap, int);

	if (s->length == -1)
		v = (short)v;
	else if (s->length == -2)
		v = (signed char)v;
	put_number(o, s, v < 0 ? -(u64)v : (u64)v, 10, v < 0);
}

static void put_unsigned(struct out *o, const struct spec *s, int base, va_list *ap)
{
	u64 v = s->length > 0 ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);

	if (s->length == -1)
		v = (unsigned short)v;
	else if (s->length == -2)
		v = (unsigned char)v;
	put_number(o, s, v, base, false);
}

static void put_conversion(struct out *o, struct spec *s, char conv, va_list *ap)
{
	const char *str;
	char c;

	switch (conv) {
	case 'd':
	case 'i':
		put_signed(o, s, ap);
		break;
	case 'u':
		put_unsigned(o, s, 10, ap);
		break;
	case 'X':
		s->upper = true;
		put_unsigned(o, s, 16, ap);
		break;
	case 'x':
		put_unsigned(o, s, 16, ap);
		break;
	case 'o':
		put_unsigned(o, s, 8, ap);
		break;
	case 'p':
		s->alt = true;
		s->length = 1;
		put_unsigned(o, s, 16, ap);
		break;
	case 'c':
		c = va_arg(*ap, int);
		put_text(o, s, &c, 1);
		break;
	case 's':
		str = va_arg(*ap, const char *);
		if (!str)
			str = "(null)";
		put_text(o, s, str, s->precision < 0 ? strlen(str) : strnlen(str, s->precision));
		break;
	default:
		put(o, conv);
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {buf, size, 0};
	struct spec s;
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &args);
		if (!*fmt)
			break;
		put_conversion(&o, &s, *fmt, &args);
	}
	va_end(args);
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
