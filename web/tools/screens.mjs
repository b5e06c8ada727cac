// Draws every page at its sizes into docs/screens. The evening is a real one, on a real
// node; only the clock of the boards is put ahead, so that tickets have an age.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { evening } from "../test/browser/evening.mjs";
import { context, freePort, launch, Node, sizes } from "../test/browser/node.mjs";
import { Box } from "../test/browser/parts.mjs";

const out = fileURLToPath(new URL("../../docs/screens/", import.meta.url));
mkdirSync(out, { recursive: true });
const hub = `127.0.0.1:${await freePort()}`;
const node = await Node.make({ args: ["--edge-listen", hub] });
const browser = await launch();

/** Puts what the server says about times back by minutes that grow with the order's number. */
async function aged(page) {
	await page.routeWebSocket(/v1\/ws/, (ws) => {
		const server = ws.connectToServer();
		const back = (x) => {
			if (!x || typeof x !== "object") return;
			if (x.no && (x.fired_at || x.promise_at)) {
				const by = Math.max(0, 9 - x.no) * 75_000 + 20_000;
				for (const k of ["fired_at", "warn_at", "late_at", "ready_at", "promise_at"])
					if (x[k]) x[k] = new Date(Date.parse(x[k]) - by).toISOString();
			}
			if (x.seated_at) x.seated_at = new Date(Date.parse(x.seated_at) - (20 - (x.no ?? 0)) * 97_000).toISOString();
			for (const v of Object.values(x)) back(v);
		};
		server.onMessage((m) => {
			const lines = m
				.toString()
				.split("\n")
				.map((line) => {
					const x = JSON.parse(line);
					back(x);
					return JSON.stringify(x);
				});
			ws.send(lines.join("\n"));
		});
	});
}

async function shot(name, path, { role, app = path.split(/[/#]/)[1], size, lang = "en", wait, act, scale = 1, dark }) {
	const c = await context(browser, node, {
		role,
		app,
		size,
		lang,
		deviceScaleFactor: scale,
		hasTouch: size[0] < 500,
		isMobile: size[0] < 500,
		...(dark !== undefined && { colorScheme: dark ? "dark" : "light" }),
	});
	const p = await c.newPage();
	await aged(p);
	await p.goto(node.url + path);
	await p.waitForSelector(wait);
	await act?.(p);
	await p.waitForTimeout(400);
	await p.screenshot({ path: `${out}${name}.png` });
	await c.close();
	console.log(`docs/screens/${name}.png`);
}

try {
	await node.do(
		"order.place",
		{ type: "pickup", lines: [{ dish: "beef-noodles", qty: 1 }], contact: { name: "Ada", phone: "1" } },
		"waiter",
	);
	const orders = await evening(node);
	await node.do("order.assign", { order: orders.delivery[0], driver: { name: "Li Wei", phone: "139 0000 0000" } }, "expo");
	await node.do("order.hand_off", { order: orders.delivery[0], to: "driver" }, "expo");
	await node.do("item.bump", { order: orders.delivery[1], items: ["1", "2"] }, "kitchen");
	await node.do("table.call", { table: "T18", kind: "bill" }, "waiter");
	for (const [size, box] of Object.entries(sizes)) {
		const lang = size === "laptop" ? "zh" : "en";
		await shot(`kitchen-${size}`, "/kitchen", { role: "kitchen", size: box, lang, wait: ".tk" });
		await shot(`dispatch-${size}`, "/dispatch", { role: "expo", size: box, lang, wait: "article:visible" });
	}
	await shot("kitchen-offline", "/kitchen", {
		role: "kitchen",
		size: sizes.wall,
		wait: ".tk",
		act: async (p) => {
			await p.click(".bump");
			await p.routeWebSocket(/v1\/ws/, (ws) => ws.close());
			await p.evaluate(() => dispatchEvent(new Event("offline")));
			await p.waitForSelector(".banner");
		},
	});
	await shot("kitchen-light", "/kitchen", {
		role: "kitchen",
		size: sizes.wall,
		wait: ".tk",
		act: (p) => p.click("header > button:last-of-type"),
	});
	await shot("waiter-floor-dark", "/waiter", { role: "waiter", size: sizes.tablet, dark: true, wait: ".tb" });
	await shot("waiter-floor", "/waiter", { role: "waiter", size: sizes.tablet, wait: ".tb" });
	await shot("waiter-floor-zh", "/waiter", { role: "waiter", size: sizes.wall, lang: "zh", wait: ".tb" });
	await shot("waiter-phone", "/waiter", { role: "waiter", size: sizes.phone, scale: 2, wait: ".tb" });
	await shot("waiter-table", "/waiter#T09", {
		role: "waiter",
		size: sizes.tablet,
		wait: ".check section",
		act: async (p) => {
			await p.click(".pane li button >> nth=0");
			if (await p.locator("dialog .primary").count()) await p.click("dialog .primary");
		},
	});
	await shot("waiter-bill", "/waiter#T18", {
		role: "waiter",
		size: sizes.tablet,
		wait: ".view",
		act: async (p) => {
			await p.click("nav .bill");
			await p.click(".seg button:nth-child(5)");
			await p.locator("li[draggable] button").first().click();
		},
	});
	for (const page of ["stock", "menu", "orders", "reports", "payments", "printers", "webhooks", "store", "people"])
		await shot(`ops-${page}`, `/ops#${page}`, {
			role: "admin",
			size: sizes.laptop,
			lang: page === "stock" ? "zh" : "en",
			wait: ".ops-page",
			act: async (p) => {
				if (page === "menu") await p.click(".list li button >> nth=15");
				if (page === "reports") await p.waitForSelector("tbody .num");
			},
		});
	await shot("ops-reports-dark", "/ops#reports", { role: "manager", size: sizes.wall, lang: "zh", dark: true, wait: ".ops-page" });
	await shot("ops-phone", "/ops#stock", { role: "manager", size: sizes.phone, scale: 2, wait: ".ops-page li" });
	await shot("start", "/", { size: sizes.laptop, wait: ".qr[src]" });
	await shot("log-in", "/kitchen", { app: "", size: sizes.laptop, wait: "form" });

	const r = await fetch(`${node.url}/v1/stores/demo/tables/T05/qr`, {
		method: "POST",
		headers: { Authorization: `Bearer ${await node.token("manager")}` },
	});
	const link = new URL(/<([^>]+)>/.exec(r.headers.get("Link"))[1]).pathname;
	const guest = (name, lang, act, size = sizes.phone, dark = false) =>
		shot(`guest-${name}`, link, { app: "", size, scale: size === sizes.phone ? 2 : 1, lang, dark, wait: ".plus", act });
	await guest("menu", "zh", async () => {});
	await guest("menu-dark", "en", async () => {}, sizes.phone, true);
	await guest("menu-wall", "en", async () => {}, sizes.laptop);
	await guest("options", "en", async (p) => {
		await p.fill("input[type=search]", "kung pao chicken");
		await p.click(".plus");
		await p.waitForSelector("dialog .primary");
	});
	await guest("cart", "zh", async (p) => {
		for (const x of ["宫保鸡丁", "酸梅汤"]) {
			await p.fill("input[type=search]", x);
			await p.click(".plus");
			await p.click("dialog .primary");
			await p.waitForSelector("dialog", { state: "detached" });
		}
		await p.click(".bar");
		await p.waitForSelector("dialog .line");
	});
	await guest("status", "en", async (p) => {
		await p.click(".bar");
		await p.click("dialog .primary:not([disabled])");
		await p.waitForSelector(".card ol");
	});
	await guest("pay", "zh", async (p) => {
		await p.click("footer nav button:nth-child(3)");
		await p.waitForSelector(".due");
	});
	// Last, for it holds dishes: a walk-in cooler that fails, as its box sees it.
	const box = await Box.open(node, hub);
	try {
		box.fail();
		const desk = (name, more) => shot(`ops-${name}`, `/ops#${name.split("-")[0]}`, { role: "admin", size: sizes.laptop, ...more });
		await desk("sensors", { wait: "li.bad:has-text('Walk-in cooler')" });
		await desk("sensors-chart", {
			wait: "li.bad:has-text('Walk-in cooler')",
			lang: "en",
			act: async (p) => {
				await p.click("li:has-text('Walk-in cooler') button:has-text('Last 24 hours')");
				await p.waitForSelector("dialog canvas");
			},
		});
		await desk("nodes", { wait: "li:has-text('edge-1')" });
	} finally {
		await box.close();
	}
} finally {
	await browser.close();
	await node.stop();
}
