// How fast the apps are, in a real Chromium against a real node: the guest's first and
// repeated visit on a slow phone, and the kitchen board with 200 tickets at 100 updates/s.
import { context, launch, Node, sizes } from "../test/browser/node.mjs";

const node = await Node.make();
const browser = await launch();
const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
const at = (all, p) => [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * p))];
let failed = false;
const say = (what, value, unit, budget, atLeast = false) => {
	const bad = atLeast ? value < budget : value > budget;
	failed ||= bad;
	console.log(`${what.padEnd(56)} ${String(value).padStart(8)} ${unit}   budget ${atLeast ? "≥" : "≤"} ${budget}${bad ? "   MISSED" : ""}`);
};

/** A phone at 150 ms round trip, 1.6 Mb/s down, 4 × slower CPU. */
async function slow(page) {
	const cdp = await page.context().newCDPSession(page);
	await cdp.send("Network.enable");
	await cdp.send("Network.emulateNetworkConditions", {
		offline: false,
		latency: 150,
		downloadThroughput: 1.6e6 / 8,
		uploadThroughput: 750e3 / 8,
	});
	await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
	return cdp;
}

/** When the page was interactive, in ms since it was asked for. The first evaluate of playwright compiles a script that a phone does not have. */
const interactive =
	"new Promise((done) => new PerformanceObserver((l) => { for (const e of l.getEntriesByName('interactive')) done(Math.round(e.startTime)); }).observe({ type: 'mark', buffered: true }))";

async function guest() {
	await node.do("table.open", { table: "T03", guests: 2 }, "waiter");
	const r = await fetch(`${node.url}/v1/stores/demo/tables/T03/qr`, {
		method: "POST",
		headers: { Authorization: `Bearer ${await node.token("manager")}` },
	});
	const link = node.url + new URL(/<([^>]+)>/.exec(r.headers.get("Link"))[1]).pathname;
	const first = [];
	const repeat = [];
	let bytes = 0;
	for (let i = 0; i < 5; i++) {
		const c = await context(browser, node, { size: sizes.phone, lang: "zh", isMobile: true, hasTouch: true });
		const p = await c.newPage();
		const cdp = await slow(p);
		const ready = async () => {
			await p.goto(link);
			const { result } = await cdp.send("Runtime.evaluate", { expression: interactive, awaitPromise: true });
			await p.waitForSelector(".plus");
			return result.value;
		};
		first.push(await ready());
		bytes = await p.evaluate(() =>
			[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
				.filter((e) => e.startTime < performance.getEntriesByName("interactive")[0].startTime)
				.reduce((n, e) => n + e.transferSize, 0),
		);
		await p.evaluate(() => navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready));
		await ready(); // the worker takes the page over, and keeps its files
		repeat.push(await ready());
		await c.close();
	}
	say("guest: interactive, first visit (150 ms, 1.6 Mb/s, CPU ÷ 4)", median(first), "ms", 1000);
	say("guest: bytes until then", Math.round(bytes / 100) / 10, "kB", 80);
	say("guest: interactive, repeated visit", median(repeat), "ms", 600);
}

async function kitchen() {
	const c = await context(browser, node, { role: "kitchen", app: "kitchen", size: sizes.wall });
	const p = await c.newPage();
	const page = await c.newCDPSession(p);
	// The server's part is played here: 200 tickets, then 100 views a second.
	const ticket = (i, v) => ({
		id: `o${i}.wok.0`,
		order: `o${i}`,
		no: i,
		station: "wok",
		course: 0,
		state: "open",
		type: "dine_in",
		channel: "pos",
		label: `T${i % 60}`,
		server: "Lin",
		guests: 3,
		rush: false,
		fired_at: new Date(Date.now() - i * 3000).toISOString(),
		warn_at: new Date(Date.now() + 300_000 - i * 3000).toISOString(),
		late_at: new Date(Date.now() + 480_000 - i * 3000).toISOString(),
		also: [],
		items: [0, 1, 2, 3].map((n) => ({
			id: `${n}`,
			fire_seq: 1,
			dish: `d${(i + n) % 40}`,
			name: { zh: `菜 ${(i + n) % 40}`, en: `Dish ${(i + n) % 40}` },
			qty: 1 + (n % 2),
			void_qty: 0,
			state: (v + n) % 3 ? "queued" : "cooking",
			bumped: false,
			prep_ms: 0,
			mods: n ? [] : [{ kind: "remove", name: { en: "No peanuts" }, qty: 1 }],
			allergies: [],
		})),
	});
	let push;
	await p.routeWebSocket(/v1\/ws/, (ws) => {
		const server = ws.connectToServer();
		server.onMessage((m) => {
			const out = m
				.toString()
				.split("\n")
				.map((line) => {
					const x = JSON.parse(line);
					const sub = x.ok?.subs?.find((s) => s.t === "kitchen.all");
					if (sub)
						Object.assign(sub, {
							mode: "snap",
							d: Array.from({ length: 200 }, (_, i) => ({ k: `ticket/${i}`, s: i + 1, v: 1, d: ticket(i, 0) })),
						});
					return JSON.stringify(x);
				});
			ws.send(out.join("\n"));
		});
		push = (s) => ws.send(JSON.stringify({ t: "kitchen.all", s: 1000 + s, k: `ticket/${s % 200}`, v: 2 + s, d: ticket(s % 200, s) }));
	});
	await p.goto(`${node.url}/kitchen`);
	await p.waitForSelector(".tk");
	const frames = p.evaluate(
		(ms) =>
			new Promise((resolve) => {
				const all = [];
				let last = performance.now();
				const end = last + ms;
				const step = (now) => {
					all.push(now - last);
					last = now;
					if (now < end) requestAnimationFrame(step);
					else resolve(all.slice(1));
				};
				requestAnimationFrame(step);
			}),
		8000,
	);
	await page.send("Performance.enable");
	const metric = async (name) => (await page.send("Performance.getMetrics")).metrics.find((m) => m.name === name).value;
	const [busy, began] = [await metric("TaskDuration"), Date.now()];
	let sent = 0;
	const timer = setInterval(() => {
		for (const due = Math.floor((Date.now() - began) / 10); sent < due; sent++) push(sent);
	}, 10);
	const all = await frames;
	clearInterval(timer);
	const took = (Date.now() - began) / 1000;
	const load = ((await metric("TaskDuration")) - busy) / took;
	await page.send("HeapProfiler.collectGarbage");
	const heap = (await metric("JSHeapUsedSize")) / 1e6;
	console.log(`kitchen: 200 tickets, ${Math.round(sent / took)} updates/s for ${took.toFixed(1)} s`);
	say("kitchen: frames per second", Math.round((all.length / all.reduce((a, b) => a + b, 0)) * 10_000) / 10, "fps", 58, true);
	say("kitchen: 99th percentile of a frame", Math.round(at(all, 0.99) * 10) / 10, "ms", 20);
	console.log(`kitchen: main thread busy ${(load * 100).toFixed(0)} %, heap ${heap.toFixed(1)} MB`);
	await c.close();
}

try {
	if (process.argv[2] !== "kitchen") await guest();
	if (process.argv[2] !== "guest") await kitchen();
} finally {
	await browser.close();
	await node.stop();
}
process.exit(failed ? 1 : 0);
