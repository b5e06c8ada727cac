// Pictures of dishes that have no photo: a plate, bowl or glass seen from above, drawn
// from the dish's id, so that the same dish always looks the same.

type Kind = "plate" | "bowl" | "glass" | "skewer";
interface Art {
	kind: Kind;
	base: string;
	bits: { x: number; y: number; r: number; s: number; a: number; c: string }[];
	leaves: { x: number; y: number; a: number; c: string }[];
}

const palettes: [RegExp, Kind, string, string[]][] = [
	[/(^|-)(tea|juice|cola|soda|milk|water|wine|baijiu|drink)$|tsingtao/, "glass", "#d9892b", ["#ffffff66", "#ffffff99", "#f6c667"]],
	[/skewer|squid|wings|corn|oyster|grilled/, "skewer", "#f4efe6", ["#8a4b22", "#a65a28", "#6f3a1a", "#c8792f"]],
	[
		/soup|pot|congee|wonton|tangyuan|boiled|maoxuewang|pickled-cabbage|stew|brisket/,
		"bowl",
		"#d65a2a",
		["#f7e3b0", "#b93d0a", "#8c2f0c", "#f2c46b", "#fff3d6"],
	],
	[/noodle|dan-dan|ramen|glass/, "bowl", "#e0a24a", ["#f6d98a", "#f2cd70", "#9a4a1c", "#c8662a"]],
	[/rice|bun|dumpling|pancake|cake|roll|tart|sesame/, "plate", "#fbf7ef", ["#f5e6c4", "#eed59c", "#e3b766", "#d99a45", "#fff8e8"]],
	[
		/greens|cabbage|spinach|beans|cucumber|broccoli|pepper|melon|lettuce|salad|kale|mushroom|wood-ear|lotus/,
		"plate",
		"#fbf7ef",
		["#4d8b3a", "#6aa84f", "#86b95b", "#2f6b2b", "#b8d98a"],
	],
	[/fish|bass|prawn|crab|clam|scallop|eel|crayfish|frog/, "plate", "#fbf7ef", ["#f0b39a", "#e88b6a", "#d9622f", "#f7d9c8", "#c94a22"]],
	[/tofu|egg|chestnut|potato|aubergine/, "plate", "#fbf7ef", ["#f7ead0", "#f2d9a0", "#c9531e", "#a83a12", "#efe0bd"]],
	[/fruit|pudding|mango|red-bean|ice/, "plate", "#fbf7ef", ["#f3a33c", "#e4572e", "#f6c945", "#b5c943", "#d9437a"]],
	[/./, "plate", "#fbf7ef", ["#9c4a20", "#b85c28", "#7d3515", "#c9702f", "#d88f4a"]],
];
const cloths: [string, string][] = [
	["#f7dcc6", "#eebb93"],
	["#f6e3c0", "#e8c583"],
	["#e5e8cf", "#c5cf9e"],
	["#f3d5cb", "#e0a695"],
	["#dfe6e6", "#b5c8ca"],
	["#efe0d3", "#d3b79d"],
];

const drawn = new Map<string, string>();

/** What stands in an SVG of 88 by 88; markup and no components, for a menu shows dozens of them at once. */
export function draw(id: string): string {
	let svg = drawn.get(id);
	if (!svg) drawn.set(id, (svg = paint(id)));
	return svg;
}

function paint(id: string): string {
	let h = 2166136261;
	for (const c of id) h = Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0;
	const random = () => ((h = Math.imul(h ^ (h >>> 15), 2246822519) ^ Math.imul(h ^ (h >>> 13), 3266489917)) >>> 0) / 2 ** 32;
	const cloth = cloths[h % cloths.length]!;
	const [, kind, base, colours] = palettes.find(([re]) => re.test(id))!;
	const spread = kind === "bowl" ? 17 : 19;
	const bits = Array.from({ length: kind === "glass" ? 6 : kind === "skewer" ? 12 : 17 }, (_, i) => {
		const far = Math.sqrt(random()) * spread;
		const turn = random() * 2 * Math.PI;
		return {
			x: 44 + far * Math.cos(turn),
			y: 44 + far * Math.sin(turn),
			r: 3 + random() * 4.5,
			s: 0.55 + random() * 0.45,
			a: Math.round(random() * 180),
			c: colours[(i + Math.floor(random() * 2)) % colours.length]!,
		};
	});
	const green = ["#3f8f3a", "#5aa846", "#c22b1a"];
	const leaves = Array.from({ length: 5 }, () => {
		const far = random() * spread * 0.9;
		const turn = random() * 2 * Math.PI;
		return {
			x: 44 + far * Math.cos(turn),
			y: 44 + far * Math.sin(turn),
			a: Math.round(random() * 360),
			c: green[Math.floor(random() * 3)]!,
		};
	});
	const art = { kind, base, bits, leaves };
	const garnish = leaves.map(
		(l) => `<path d="M${f(l.x - 4)} ${f(l.y)}q4-4 8 0q-4 4-8 0z" fill="${l.c}" transform="rotate(${l.a} ${f(l.x)} ${f(l.y)})"/>`,
	);
	return [
		`<path d="M0 0h88v88H0z" fill="${cloth[0]}"/><path d="M0 58L88 22V88H0z" fill="${cloth[1]}" opacity=".45"/>`,
		kind === "glass" ? glass(art) : dish(art),
		...garnish,
	].join("");
}

const f = (n: number) => n.toFixed(1);

function glass({ base, bits }: Art): string {
	const ice = bits.map((b, i) => {
		const [x, y] = [34 + (i % 3) * 7, 32 + b.s * 12 + Math.floor(i / 3) * 9];
		return `<rect x="${x}" y="${f(y)}" width="7" height="7" rx="1.5" fill="${b.c}" transform="rotate(${b.a % 40} 44 44)"/>`;
	});
	return `<ellipse cx="45" cy="72" rx="20" ry="5" fill="#00000022"/><path d="M27 18h34l-4 52a3 3 0 0 1-3 3H34a3 3 0 0 1-3-3z" fill="#ffffffcc"/><path d="M28.5 30h31l-3 39H31.5z" fill="${base}"/>${ice.join("")}<path d="M54 8L48 62" stroke="#b93d0a" stroke-width="2.6" stroke-linecap="round"/>`;
}

function dish({ kind, base, bits }: Art): string {
	const food =
		kind === "skewer"
			? [30, 44, 58].map((y) => skewer(y, bits))
			: bits.map(
					(b) =>
						`<ellipse cx="${f(b.x)}" cy="${f(b.y)}" rx="${f(b.r)}" ry="${f(b.r * b.s)}" fill="${b.c}" transform="rotate(${b.a} ${f(b.x)} ${f(b.y)})"/>`,
				);
	return `<ellipse cx="45" cy="48" rx="35" ry="34" fill="#00000018"/><circle cx="44" cy="44" r="34" fill="#fff"/><circle cx="44" cy="44" r="33" fill="none" stroke="#e9dfd2" stroke-width="1.5"/><circle cx="44" cy="44" r="${kind === "bowl" ? 28 : 25}" fill="${base}"/>${food.join("")}`;
}

function skewer(y: number, bits: Art["bits"]): string {
	const meat = [0, 1, 2, 3].map((i) => {
		const x = 24 + i * 10;
		return `<rect x="${x}" y="${f(y + 1 - i * 2.2)}" width="8.5" height="9" rx="3" fill="${bits[(y + i) % bits.length]!.c}" transform="rotate(-12 ${x + 4} ${y})"/>`;
	});
	return `<path d="M12 ${y + 6}L76 ${y - 8}" stroke="#c79a5b" stroke-width="2" stroke-linecap="round"/>${meat.join("")}`;
}
