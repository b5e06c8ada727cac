// How a page must look: nothing wider than its screen, no control cut off, no violation that
// axe knows, light and dark.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

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

/** Fails with what is wrong on the page as it stands, in the look it has and in the other. */
export async function inspect(page, name) {
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
	for (const a of document.getAnimations()) if (a.effect.getComputedTiming().endTime !== Infinity) a.finish();
	const only = coloursOnly
		? { type: "rule", values: ["color-contrast"] }
		: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
	const r = await globalThis.axe.run(document, { runOnly: only, resultTypes: ["violations"] });
	return r.violations.map((v) => {
		const at = v.nodes.map((n) => `${n.html.slice(0, 120)} ${n.any[0]?.message ?? ""}`);
		return `${v.id}: ${at.slice(0, 3).join(" | ")}`;
	});
}
