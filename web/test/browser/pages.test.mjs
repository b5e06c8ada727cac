// Every page, in both languages, at every size, light and dark: nothing wider than its screen,
// no control cut off, no violation that axe knows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage } from "./stage.mjs";

const s = stage({ providers: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Elements that stick out of the page, and controls that a box cuts off which cannot be scrolled. */
const overflow = () => {
	const bad = [];
	const wide = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > wide + 1) bad.push(`the page is ${document.documentElement.scrollWidth} wide`);
	const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowX) || /auto|scroll/.test(getComputedStyle(e).overflowY);
	for (const e of document.querySelectorAll("button,a,input,select,textarea")) {
		const r = e.getBoundingClientRect();
		if (!r.width || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || e.closest(".sr")) continue;
		let box = e.parentElement;
		let inScroller = false;
		for (; box && box !== document.documentElement; box = box.parentElement) {
			if (scrolls(box)) {
				inScroller = true;
				break;
			}
			const style = getComputedStyle(box);
			if (style.overflowX === "hidden" || style.overflowX === "clip") {
				const b = box.getBoundingClientRect();
				if (r.left < b.left - 1 || r.right > b.right + 1) bad.push(`${e.outerHTML.slice(0, 90)} is cut off by .${box.className}`);
			}
		}
		if (!inScroller && (r.left < -1 || r.right > wide + 1)) bad.push(`${e.outerHTML.slice(0, 90)} ends at ${Math.round(r.right)}`);
	}
	// A board's tabs all show on anything larger than a phone, and so does each station that a ticket names.
	for (const e of wide < 1000 ? [] : document.querySelectorAll("header nav, .also"))
		if (e.scrollWidth > e.clientWidth + 1) bad.push(`${e.textContent.slice(0, 60)} needs ${e.scrollWidth} of ${e.clientWidth}`);
	return bad;
};

async function inspect(page, name) {
	await page.waitForTimeout(250); // what is gathered is shown after 100 ms
	const bad = await page.evaluate(overflow);
	assert.deepEqual(bad, [], `${name}: overflow`);
	await page.evaluate(axe);
	const first = await page.evaluate(() => document.documentElement.dataset.theme);
	// Sizes are the same in both looks; colours alone are not, so the second look asks for those.
	for (const look of [first, first === "dark" ? "light" : "dark"])
		assert.deepEqual(await page.evaluate(violations, [look, look !== first]), [], `${name} ${look}: axe`);
	await page.evaluate((look) => (document.documentElement.dataset.theme = look), first);
}

/** What axe finds in a look; transitions of colour are cut short. */
async function violations([look, coloursOnly]) {
	const root = document.documentElement;
	root.dataset.theme = look;
	for (const a of document.getAnimations()) a.finish();
	const only = coloursOnly
		? { type: "rule", values: ["color-contrast"] }
		: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
	const r = await globalThis.axe.run(document, { runOnly: only, resultTypes: ["violations"] });
	return r.violations.map((v) => {
		const at = v.nodes.map((n) => `${n.html.slice(0, 120)} ${n.any[0]?.message ?? ""}`);
		return `${v.id}: ${at.slice(0, 3).join(" | ")}`;
	});
}

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
