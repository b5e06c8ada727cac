// Sizes of each app as its first page loads them, against the budgets; gzip, 1 kB = 1000 bytes.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const budgets = { guest: { js: 40, all: 80 }, kitchen: { js: 45 }, waiter: {}, dispatch: { js: 45 }, ops: { js: 90 }, index: {} };
const size = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1000;

/** What a file imports before it runs, and what it loads later. */
function imports(file) {
	const text = readFileSync(new URL(file, dist), "utf8");
	const at = (m) => new URL(m, new URL(file, dist)).pathname.slice(dist.pathname.length);
	const now = [...text.matchAll(/(?:import|from)\s*["']([^"']+\.js)["']/g)].map((m) => at(m[1]));
	const later = [...text.matchAll(/import\(\s*["'`]([^"'`]+\.js)["'`]\s*\)/g)].map((m) => at(m[1]));
	return { now, later };
}

function walk(first) {
	const now = new Set();
	const later = new Set();
	const visit = (file, set) => {
		if (now.has(file) || set.has(file)) return;
		set.add(file);
		const i = imports(file);
		for (const f of i.now) visit(f, set);
		for (const f of i.later) visit(f, later);
	};
	for (const f of first) visit(f, now);
	return { now: [...now], later: [...later].filter((f) => !now.has(f)) };
}

const sum = (files) => files.reduce((n, f) => n + size(f), 0);
const kB = (n) => `${n.toFixed(1).padStart(6)} kB`;
let failed = false;
const lines = [];
for (const [app, budget] of Object.entries(budgets)) {
	const html = readFileSync(new URL(`${app}.html`, dist), "utf8");
	const assets = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((m) => m[1]);
	const { now, later } = walk(assets.filter((f) => f.endsWith(".js")));
	const css = assets.filter((f) => f.endsWith(".css"));
	const js = sum(now);
	const all = js + sum(css) + gzipSync(html).length / 1000;
	const over = js > (budget.js ?? Infinity) || all > (budget.all ?? Infinity);
	failed ||= over;
	lines.push(
		`${app.padEnd(9)} js ${kB(js)}${budget.js ? ` of ${budget.js}` : "      "}   page ${kB(all)}${budget.all ? ` of ${budget.all}` : "      "}   loaded later ${kB(sum(later))}${over ? "   OVER BUDGET" : ""}`,
	);
}
console.log(lines.join("\n"));
process.exit(failed ? 1 : 0);
