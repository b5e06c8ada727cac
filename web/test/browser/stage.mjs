// One node with a lively evening and one browser for the tests of a file.
import { after, before } from "node:test";
import { evening } from "./evening.mjs";
import { Bank, context, launch, Node, sizes } from "./node.mjs";

export function stage({ lively = true, providers = false, args = async () => [], prepare = async () => {} } = {}) {
	const s = { contexts: [], errors: [] };
	before(async () => {
		s.bank = providers ? await Bank.open() : undefined;
		[s.node, s.browser] = await Promise.all([
			Node.make({ args: [...(s.bank ? ["--payments", s.bank.file] : []), ...(await args())] }),
			launch(),
		]);
		await prepare(s);
		if (lively) s.orders = await evening(s.node);
	});
	after(async () => {
		await s.browser?.close();
		await s.node?.stop();
		await s.bank?.close();
	});

	/** Opens an app as one of the demo log-ins; what it logs as an error is collected. */
	s.open = async (path, options = {}) => {
		const app = path.split(/[/#?]/)[1];
		const c = await context(s.browser, s.node, { app, ...options });
		s.contexts.push(c);
		const p = await c.newPage();
		p.setDefaultTimeout(30_000); // on a busy machine a page takes long to come; what must be quick is timed by its test
		p.on("pageerror", (e) => s.errors.push(`${path}: ${e.message}`));
		await p.goto(s.node.url + path);
		return p;
	};

	/** A guest's phone that has scanned the code of a table; the table must be open. */
	s.phone = async (table, { lang = "en", size = sizes.phone, name, ...more } = {}) => {
		const r = await fetch(`${s.node.url}/v1/stores/demo/tables/${table}/qr`, {
			method: "POST",
			headers: { Authorization: `Bearer ${await s.node.token("manager")}`, "Idempotency-Key": crypto.randomUUID() },
		});
		if (!r.ok) throw new Error(`${r.status} ${await r.text()}`);
		const path = new URL(/<([^>]+)>/.exec(r.headers.get("Link"))[1]).pathname;
		const p = await s.open(path, { lang, size, hasTouch: true, isMobile: size[0] < 500, ...more });
		await p.waitForSelector(".plus");
		return p;
	};

	s.close = async () => {
		await Promise.all(s.contexts.splice(0).map((c) => c.close()));
	};
	return s;
}

/** Waits until f is true, and says what it was last when it never is. */
export async function until(f, what, within = 10_000) {
	const end = Date.now() + within;
	for (;;) {
		const x = await f();
		if (x) return x;
		if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`);
		await new Promise((r) => setTimeout(r, 25));
	}
}
