import type { Text } from "./wire";
import { common } from "./words";

export type Locale = "zh" | "en";
/** A text with {names} in it; one with plural forms is chosen by n. */
export type Message = string | { one: string; other: string };
export type Words = Record<string, Message>;

const first = (): Locale => {
	const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("brigata.lang") ?? navigator.language;
	return asked.startsWith("zh") ? "zh" : "en";
};

const start = first();
let locale = $state<Locale>(start);
const rules: Record<Locale, Intl.PluralRules> = {
	zh: new Intl.PluralRules("zh"),
	en: new Intl.PluralRules("en"),
};
const tag = (l: Locale) => (l === "zh" ? "zh-CN" : "en");
document.documentElement.lang = tag(start);

export const lang = {
	get v() {
		return locale;
	},
	/** The other language, and how a page says which one a text is in. */
	get other(): Locale {
		return locale === "zh" ? "en" : "zh";
	},
	get tag() {
		return tag(locale);
	},
	get otherTag() {
		return tag(lang.other);
	},
	set(l: Locale) {
		locale = l;
		localStorage.setItem("brigata.lang", l);
		document.documentElement.lang = tag(l);
	},
};

/** dictionary makes an app's translator; every key exists in both languages or it does not compile. */
export function dictionary<W extends Words>(en: W, zh: { [K in keyof W]: Message }) {
	const words = {
		en: { ...common.en, ...en },
		zh: { ...common.zh, ...zh },
	} as Record<Locale, Words>;
	return (key: keyof W | keyof typeof common.en, p: Record<string, string | number> = {}): string => {
		const m = words[locale][key as string] ?? String(key);
		const s = typeof m === "string" ? m : (m[rules[locale].select(Number(p.n)) as "one"] ?? m.other);
		return s.replace(/\{(\w+)\}/g, (_, k: string) => String(p[k] ?? ""));
	};
}

/** A menu's text in the reader's language, or in the one that there is. */
export const say = (x: Text | undefined): string => (x ? (x[locale] ?? x.en ?? x.zh ?? "") : "");
/** The same in the other language; "" where there is none or both are one. */
export const alt = (x: Text): string => {
	const other = x[lang.other] ?? "";
	return other === say(x) ? "" : other;
};

const formats: Record<string, Intl.NumberFormat> = {};
const format = (currency: string) =>
	(formats[`${locale} ${currency}`] ??= new Intl.NumberFormat(tag(locale), {
		style: "currency",
		currency,
		currencyDisplay: "narrowSymbol",
	}));

/** How many minor units a currency has: 100 for CNY, 1 for JPY. */
export const minorUnits = (currency: string) => 10 ** (format(currency).resolvedOptions().maximumFractionDigits ?? 2);

/** Money: minor units and a currency, as the reader writes it. */
export const money = (minor: number, currency: string): string => format(currency).format(minor / minorUnits(currency));

export const mmss = (ms: number) => {
	const s = Math.max(0, Math.floor(ms / 1000));
	return s < 3600
		? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`
		: `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
};

export const clock = (ms: number, seconds = false) =>
	new Date(ms).toLocaleTimeString("en-GB", {
		hour: "2-digit",
		minute: "2-digit",
		...(seconds ? { second: "2-digit" } : {}),
	});
