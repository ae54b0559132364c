// Small programs on Node's own library, each timed in batches: NAME and nanoseconds, then `result: DIGEST`.
'use strict';
const crypto = require('crypto'), fs = require('fs'), os = require('os'), path = require('path'), zlib = require('zlib');

const BATCHES = 7;
let state = 7;
const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff);
const words = Array.from({length: 5000}, () => random().toString(36));
const records = words.map((name, id) => ({id, name, weight: id / 7, tags: words.slice(id, id + 3)}));

const programs = {
	json_text: () => JSON.stringify(JSON.parse(JSON.stringify(records))).length,
	sorting: () => records.slice().sort((a, b) => a.name < b.name ? -1 : 1)[100].id,
	maps: () => {
		const counts = new Map();
		for (let i = 0; i < 200000; i++) {
			const w = words[i % words.length];
			counts.set(w, (counts.get(w) || 0) + i);
		}
		return counts.size;
	},
	floats: () => {
		let sum = 0;
		for (let i = 1; i < 3000000; i++)
			sum += Math.sqrt(i) / (i + 1);
		return sum.toFixed(6);
	},
	regular_expressions: () => words.join(' ').match(/\b[a-m]\w*[0-9]\b/g).length,
	strings: () => words.map((w) => w.split('').reverse().join('')).join('').length,
	garbage: () => {
		let list = null;
		for (let i = 0; i < 300000; i++)
			list = i % 1000 ? {i, list} : null;
		return list.i;
	},
	digests: () => crypto.createHash('sha256').update(Buffer.alloc(4 << 20, 7)).digest('hex'),
	gzip: () => zlib.gunzipSync(zlib.gzipSync(Buffer.from(words.join(' ').repeat(5)))).length,
	small_files: () => {
		const d = fs.mkdtempSync(path.join(os.tmpdir(), 'set-'));
		let size = 0;
		for (let i = 0; i < 200; i++)
			fs.writeFileSync(`${d}/${i}`, words[i].repeat(50));
		for (const name of fs.readdirSync(d))
			size += fs.readFileSync(`${d}/${name}`).length;
		fs.rmSync(d, {recursive: true});
		return size;
	},
};

const digest = crypto.createHash('sha256');
for (const [name, program] of Object.entries(programs)) {
	const times = [];
	digest.update(String(program()));
	program();
	for (let b = 0; b < BATCHES; b++) {
		const start = process.hrtime.bigint();
		program();
		times.push(Number(process.hrtime.bigint() - start));
	}
	console.log(name, ...times);
}
console.log(`result: ${digest.digest('hex')}`);
