import { expect, test } from "vitest";
import { Refused } from "../../src/lib/frames";
import { dictionary, lang, mmss, money, say } from "../../src/lib/i18n.svelte";
import { why } from "../../src/lib/refusals";
import { common } from "../../src/lib/words";

const t = dictionary({ left: { one: "{n} dish left", other: "{n} dishes left" } }, { left: "剩 {n} 份" });

test("plural forms, the other language, and texts of the menu", () => {
	lang.set("en");
	expect([t("left", { n: 1 }), t("left", { n: 2 })]).toEqual(["1 dish left", "2 dishes left"]);
	expect(say({ zh: "汤", en: "Soup" })).toBe("Soup");
	expect(say({ zh: "汤" })).toBe("汤");
	expect(money(123450, "CNY")).toBe("¥1,234.50");
	expect(money(500, "JPY")).toBe("¥500");
	lang.set("zh");
	expect(t("left", { n: 1 })).toBe("剩 1 份");
	expect(document.documentElement.lang).toBe("zh-CN");
	lang.set("en");
});

test("both languages have the same words and the same places in them", () => {
	const places = (m: unknown) => [...new Set(JSON.stringify(m).match(/\{\w+\}/g))].sort();
	for (const k of Object.keys(common.en) as (keyof typeof common.en)[]) expect(places(common.zh[k]), k).toEqual(places(common.en[k]));
});

test("times", () => {
	expect([mmss(-5), mmss(61_000), mmss(3_725_000)]).toEqual(["0:00", "1:01", "1:02:05"]);
});

test("a refusal is said by its reason where that says more", () => {
	const e = (code: "conflict" | "sold_out" | "closed", fields: object) =>
		new Refused({
			code,
			message: "",
			fields,
			retry: false,
			after_ms: 0,
		} as never);
	expect(why(e("conflict", { reason: "paid" }))).toBe("Something is paid already");
	expect(why(e("conflict", { reason: "news" }))).toBe("That does not fit any more");
	expect(why(e("closed", { kind: "table" }))).toBe("The table is not open");
	expect(why(e("sold_out", { left: 2 }))).toBe("Sold out: 2 left");
});
