// A keyboard and nothing else.
import assert from "node:assert/strict";

/** Presses Tab until what has the focus matches, and says text itself or in its ticket; what is focused must be seen to be. */
export async function tabTo(p, selector, most = 120, text = "") {
	for (let n = 0; n < most; n++) {
		await p.keyboard.press("Tab");
		const at = await p.evaluate(
			([q, text]) => {
				const e = document.activeElement;
				return e?.matches(q) && (e.closest("article") ?? e).textContent.includes(text)
					? { outline: getComputedStyle(e).outlineStyle, width: getComputedStyle(e).outlineWidth }
					: null;
			},
			[selector, text],
		);
		if (!at) continue;
		assert.ok(at.outline !== "none" && Number.parseFloat(at.width) >= 2.5, `${selector} shows its focus`);
		return;
	}
	throw new Error(`Tab never reached ${selector}`);
}
