// Every page, in both languages, at every size, light and dark: nothing wider than its screen,
// no control cut off, no violation that axe knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "./looks.mjs";
import { sizes } from "./node.mjs";
import { stage } from "./stage.mjs";

const s = stage({ providers: true });

const staff = [
	["/", undefined, ".app"],
	["/kitchen", "kitchen", ".tk"],
	["/dispatch", "expo", "article:visible"],
	["/waiter", "waiter", ".tb"],
	["/waiter#T12", "waiter", ".check section"],
	["/ops#stock", "manager", ".ops-page li"],
	["/ops#menu", "manager", ".list li"],
	["/ops#orders", "manager", "tbody button"],
	["/ops#sensors", "manager", ".ops-page"],
	["/ops#reports", "manager", ".ops-page"],
	["/ops#payments", "manager", "tbody tr"],
	["/ops#webhooks", "manager", ".ops-empty"],
	["/ops#store", "manager", ".ops-card"],
	["/ops#printers", "manager", ".ops-page"],
	["/ops#people", "admin", ".ops-page"],
	["/ops#nodes", "admin", ".ops-page"],
	["/kitchen?log-in", undefined, "form"],
];
for (const [size, box] of Object.entries(sizes))
	for (const lang of ["en", "zh"])
		test(`staff's pages at ${box.join(" × ")} in ${lang}`, async () => {
			for (const [path, role, wait] of staff) {
				const p = await s.open(path, { role, size: box, lang });
				await p.waitForSelector(wait);
				await inspect(p, `${path} ${size} ${lang}`);
				await s.close();
			}
			assert.deepEqual(s.errors, []);
		});

for (const lang of ["en", "zh"])
	for (const size of Object.keys(sizes))
		test(`the guest's pages at ${sizes[size].join(" × ")} in ${lang}`, async () => {
			const p = await s.phone("T05", { lang, size: sizes[size] });
			await inspect(p, `menu ${size} ${lang}`);
			await p.fill("input[type=search]", lang === "en" ? "kung pao chicken" : "宫保鸡丁");
			await p.click(".plus");
			await p.waitForSelector("dialog .primary");
			await inspect(p, `options ${size} ${lang}`);
			await p.click("dialog .primary");
			await p.click(".bar");
			await p.waitForSelector("dialog .line");
			await inspect(p, `cart ${size} ${lang}`);
			await p.click("dialog .primary");
			await p.waitForSelector(".card ol");
			await inspect(p, `status ${size} ${lang}`);
			await p.click("footer nav button:nth-child(3)");
			await p.waitForSelector(".due");
			await inspect(p, `pay ${size} ${lang}`);
			await p.click(".card .primary");
			await p.waitForSelector("section.card img");
			await inspect(p, `paying ${size} ${lang}`);
			await p.click(".card .plain");
			await p.waitForSelector("section.card img", { state: "detached" });
			await s.close();
			assert.deepEqual(s.errors, []);
		});

test("the waiter's dialogs and bill in both languages", async () => {
	for (const lang of ["en", "zh"]) {
		const p = await s.open("/waiter#T07", { role: "waiter", lang, size: sizes.tablet });
		await p.waitForSelector(".check section");
		for (const n of [1, 2, 3]) {
			await p.click(`.acts button:nth-child(${n})`);
			await inspect(p, `dialog ${n} ${lang}`);
			await p.keyboard.press("Escape");
			await p.waitForSelector("dialog", { state: "detached" });
		}
		await p.click("nav .bill");
		for (const n of [2, 5, 6]) {
			await p.click(`.seg button:nth-child(${n})`);
			await inspect(p, `split ${n} ${lang}`);
		}
		await p.click(".wide");
		await inspect(p, `take money ${lang}`);
		await s.close();
	}
});
