/* For assembly that touches guest memory: a fault in [begin, end) continues at landing (struct bz_fixup). */
	.macro fixup begin, end, landing
	.pushsection .fixups, "a"
	.quad \begin, \end, \landing
	.popsection
	.endm
